/** A document of the flights example, as 21 weeks leave one: made up, always the same, in the shape of a real one. */
import type { Comparison, FlightsDocument, WeekResult } from '../../examples/flights/document.js';
import { productionWeek } from '../../examples/flights/calendar.js';
import { incidentOf, INCIDENTS } from '../../examples/flights/incidents.js';

const LATE = [19, 27.5, 28.8, 24.7, 18.8, 26.2, 22.1, 20.4, 17.2, 15.8, 11.4, 13.9, 14.7, 17.1, 24.9, 26.3, 27.7, 31.2];
const LATE_JUNE = [29.4, 27.8, 30.1];
/** Of the January model, of the model of every week, of what served. */
const FROZEN = [
  672, 664, 636, 668, 661, 663, 661, 659, 668, 676, 690, 681, 674, 668, 612, 609, 606, 601, 604, 607, 603,
];
const WEEKLY = [
  672, 664, 649, 677, 676, 679, 676, 674, 684, 698, 726, 711, 702, 694, 621, 619, 668, 672, 677, 681, 684,
];
const SEAWALL = [
  672, 664, 636, 676, 673, 674, 672, 668, 674, 688, 714, 698, 689, 687, 616, 612, 659, 661, 660, 672, 669,
];
const RELEASES = [1, 1, 1, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 4, 5, 5, 6, 6, 6, 7, 6];
const COLUMNS = ['hour', 'weekday', 'distance', 'origin', 'destination'];

/** Week whose decision bought a run, counted from 1, and what came of the run. */
const BOUGHT: readonly { k: number; release: number | null; seconds: number }[] = [
  { k: 2, release: 2, seconds: 8.41 },
  { k: 4, release: 3, seconds: 9.28 },
  { k: 8, release: 4, seconds: 11.02 },
  { k: 10, release: null, seconds: 12.37 },
  { k: 13, release: 5, seconds: 14.9 },
  { k: 15, release: 6, seconds: 16.12 },
  { k: 18, release: 7, seconds: 18.77 },
];

/** The first `count` of 21 weeks, Mondays from 2001-02-05 on. */
export function flightsDocument(count = 21): FlightsDocument {
  const weeks = Array.from({ length: count }, (_, i) => weekResult(i + 1));
  const bought = BOUGHT.filter(({ k }) => k + 2 <= count);
  const runs = [{ k: 0, release: 1, seconds: 4.14 }, ...bought];
  return {
    model: 'flights',
    weeks,
    releases: runs.flatMap(({ k, release, seconds: _ }, i) =>
      release === null ? [] : [releaseResult(release, i + 1, k)],
    ),
    runs: runs.map(({ k, release, seconds }, i) => ({
      run: i + 1,
      boughtBy: k === 0 ? null : productionWeek(k).from,
      trigger: k === 0 ? 'firstModel' : 'performance',
      outcome: release === null ? 'refused' : 'released',
      text:
        release === null
          ? 'the challenger is not promoted: gain in log loss over the champion +0.0004, required +0.0010'
          : `release ${release}, epoch ${release}`,
      trainSeconds: seconds,
      device: 'cpu',
    })),
    retrains: bought.length,
    trainSeconds: {
      seawall: rounded(runs.reduce((sum, { seconds }) => sum + seconds, 0)),
      weekly: rounded(weeks.reduce((sum, { trainSecondsWeekly }) => sum + Number(trainSecondsWeekly), 0)),
    },
    incidents: INCIDENTS.filter(({ from }) => from < (weeks.at(-1)?.to ?? '')),
    acts: [
      {
        at: '2026-11-24T23:22:24.447Z',
        by: 'demo',
        message: 'approve',
        accepted: true,
        text: 'run 3: approved, a small gain (gain 0.0027 in log loss), and it does no harm',
      },
      {
        at: '2026-11-24T23:25:02.120Z',
        by: 'demo',
        message: 'retrain',
        accepted: false,
        text: 'refused: the model is pinned to release 5',
      },
      {
        at: '2026-11-24T23:26:41.809Z',
        by: 'demo',
        message: 'rollback',
        accepted: true,
        text: 'release 7 → release 6: the on-call engineer trusts the older one more',
      },
    ].slice(0, count > 19 ? 3 : 1),
    comparison: comparison(weeks),
  };
}

function weekResult(k: number): WeekResult {
  const { from, to } = productionWeek(k);
  const i = k - 1;
  const late = [...LATE, ...LATE_JUNE][i]! / 100;
  const incident = incidentOf({ from, to }) ?? null;
  const broken = incident?.kind === 'data';
  // Entropy of the share of late flights, less what the model knows.
  const loss = (auc: number): number => rounded(entropy(late) - (auc / 1000 - 0.5) ** 2 * 0.95 + 0.004);
  const driftColumns = COLUMNS.map((column, c) => ({ column, psi: psi(k, c, broken) }));
  const worst = driftColumns.reduce((a, b) => (b.psi > a.psi ? b : a));
  const decisions = decisionsOf(k, broken);
  const binding = decisions.find(({ action }) => action !== 'wait') ?? decisions.at(-1)!;
  const reported = (day: number): string => new Date(Date.parse(to) + day * 86_400_000).toISOString();
  return {
    k,
    from,
    to,
    injected: incident !== null,
    incident: incident?.id ?? null,
    rows: 113_000 + ((k * 2_711) % 4_300),
    decision: binding.action,
    reason: binding.reason,
    auc: SEAWALL[i]! / 1000,
    logLoss: loss(SEAWALL[i]!),
    aucFrozen: FROZEN[i]! / 1000,
    logLossFrozen: rounded(loss(FROZEN[i]!) + Math.abs(late - 0.2) * 0.12),
    aucWeekly: WEEKLY[i]! / 1000,
    logLossWeekly: loss(WEEKLY[i]!),
    trainSecondsWeekly: k === 2 ? 0 : rounded(4.1 + Math.max(0, k - 2) * 0.86),
    lateShare: late,
    release: RELEASES[i]!,
    drift: { column: worst.column, psi: worst.psi, prediction: broken ? 0.38 : 0.0005 * (1 + (k % 5)) },
    driftColumns,
    checks: broken
      ? ['origin', 'destination'].map((column) => ({
          severity: 'block' as const,
          column,
          text: `${column}: 100.0 % of the values were never seen in the reference (limit 20 %), as KORD, KATL, KDFW`,
        }))
      : [],
    status: 'final',
    labelMaturity: k === 21 ? 0.973 : 1,
    revisions: [
      { revision: 1, at: reported(0), labelMaturity: 0, status: 'provisional' },
      ...(k === 9 ? [{ revision: 2, at: reported(4), labelMaturity: 0.62, status: 'provisional' as const }] : []),
      { revision: k === 9 ? 3 : 2, at: reported(7), labelMaturity: k === 21 ? 0.973 : 1, status: 'final' },
    ],
    decisions,
  };
}

function decisionsOf(k: number, broken: boolean): WeekResult['decisions'] {
  const { from, to } = productionWeek(k);
  const span = `${from.slice(0, 10)} to ${to.slice(0, 10)}`;
  const seq = 2 * k;
  const last = k === 9 ? 3 : 2;
  if (broken) {
    const reason = `${span}: data are broken: origin: 100.0 % of the values were never seen in the reference (limit 20 %); PSI of feature origin 8.214`;
    return [
      { seq, revision: 1, action: 'block', trigger: 'none', reason },
      { seq: seq + 1, revision: 2, action: 'block', trigger: 'none', reason },
    ];
  }
  const first = `${span}: nothing warrants the cost: nearest is PSI of feature weekday 0.014 of 0.250; not judged: labels for 0 % of the predictions have arrived, 95 % are awaited`;
  const run = BOUGHT.find((one) => one.k === k);
  const second = run
    ? `${span}: AUC drop 0.0${30 + k} against the reference (0.697 → 0.66${k % 10}, ±0.007), limit 0.030`
    : `${span}: nothing warrants the cost: nearest is AUC drop 0.024 (0.697 → 0.672, ±0.007) of 0.030; not judged: drift was judged with an earlier report of the window`;
  return [
    { seq, revision: 1, action: 'wait', trigger: 'none', reason: first },
    {
      seq: seq + 1,
      revision: last,
      action: run ? 'retrain' : k === 16 ? 'escalate' : 'wait',
      trigger: run ? 'performance' : 'none',
      reason:
        k === 16 ? `${span}: the last retrain did not restore the quality: a person must look at the model` : second,
    },
  ];
}

function releaseResult(release: number, run: number, k: number): FlightsDocument['releases'][number] {
  const at = new Date(Date.parse('2026-11-24T23:21:50.776Z') + k * 14_000).toISOString();
  const person = release === 3;
  const reason = person
    ? 'a small gain (gain 0.0027 in log loss), and it does no harm'
    : 'the challenger is promoted: gain in log loss over the champion +0.0037, required +0.0010, on 80701 holdout rows';
  return {
    release,
    at,
    gain: release === 1 ? null : person ? 0.0027 : 0.003 + 0.0007 * release,
    approval: { verdict: person ? 'approved' : 'automatic', by: person ? 'demo' : 'policy', reason, at },
    run,
    trainedOn: {
      version: `${String(release)}c1b15af74d81c21555d627e167ac8e0a130f5867de0c15f9d32992e717eef8f`,
      files: [
        'month=2001-01/flights.parquet',
        ...Array.from({ length: k }, (_, i) => `week=${productionWeek(i).day}/flights.parquet`),
      ],
    },
  };
}

function comparison(weeks: readonly WeekResult[]): Comparison {
  const before = weeks.filter(({ from }) => from < '2001-04-30');
  const after = weeks.filter(({ from }) => from >= '2001-04-30');
  const all = span('all', 'all weeks', weeks);
  const kept = (loss: number): number => (all.logLoss.frozen - loss) / (all.logLoss.frozen - all.logLoss.weekly);
  const gain = all.logLoss.frozen - all.logLoss.weekly;
  type Policy = Comparison['policies'][number];
  const policy = (kind: Policy['kind'], name: string, retrains: number, share: number, worth: number): Policy => {
    const logLoss = all.logLoss.frozen - worth * gain;
    const auc = all.auc.frozen + worth * (all.auc.weekly - all.auc.frozen);
    return { kind, name, retrains, seconds: 243 * share, logLoss, auc, gainKept: kept(logLoss), costShare: share };
  };
  const whole: Comparison = {
    spans: [
      all,
      ...(before.length > 0 ? [span('tuning', 'to the end of April', before)] : []),
      ...(after.length > 0 ? [span('reported', 'May and June', after)] : []),
    ],
    costShare: 0.374,
    policies: [
      {
        ...policy('seawall', 'Seawall', 7, 0.374, 0),
        logLoss: all.logLoss.seawall,
        auc: all.auc.seawall,
        gainKept: all.gainKept,
      },
      policy('frozen', 'never', 0, 0, 0),
      policy('weekly', 'every week', 19, 1, 1),
      policy('periodic', 'every 2nd week', 9, 0.488, 0.88),
      policy('periodic', 'every 3rd week', 6, 0.323, 0.79),
      policy('periodic', 'every 4th week', 4, 0.212, 0.62),
      policy('periodic', 'every 6th week', 3, 0.161, 0.51),
      policy('hindsight', 'best 7 in hindsight', 7, 0.352, 0.92),
    ],
  };
  // The first two weeks have the same model everywhere: nothing was spent, nothing gained.
  if (weeks.length > 2) return whole;
  return {
    spans: whole.spans.map((one) => ({ ...one, gainKept: null })),
    costShare: null,
    policies: whole.policies.slice(0, 3).map((one) => ({ ...one, gainKept: null, costShare: null })),
  };
}

function span(
  name: Comparison['spans'][number]['name'],
  label: string,
  weeks: readonly WeekResult[],
): Comparison['spans'][number] {
  const mean = (read: (week: WeekResult) => number | null): number =>
    weeks.reduce((sum, week) => sum + Number(read(week)), 0) / weeks.length;
  const logLoss = {
    seawall: mean((week) => week.logLoss),
    frozen: mean((week) => week.logLossFrozen),
    weekly: mean((week) => week.logLossWeekly),
  };
  const auc = {
    seawall: mean((week) => week.auc),
    frozen: mean((week) => week.aucFrozen),
    weekly: mean((week) => week.aucWeekly),
  };
  const gainKept = (logLoss.frozen - logLoss.seawall) / (logLoss.frozen - logLoss.weekly);
  return { name, label, weeks: weeks.length, auc, logLoss, gainKept };
}

function psi(k: number, column: number, broken: boolean): number {
  if (broken && column >= 3) return 8.2 + column * 0.31 + k * 0.02;
  // Summer's timetable moves hours and distances a little; the holiday week moves weekdays.
  const quiet = 0.0015 * (1 + ((k * 7 + column * 3) % 6));
  if (column === 1 && k === 21) return 0.142;
  return rounded(quiet + (k > 12 && column !== 1 ? 0.0016 * (k - 12) * (5 - column) : 0));
}

const entropy = (p: number): number => -(p * Math.log(p) + (1 - p) * Math.log(1 - p));
const rounded = (value: number): number => Math.round(value * 1e4) / 1e4;
