/**
 * How the example's thresholds were chosen: the gate's own functions, over what every model would have scored in every week, for a
 * grid of limits; judged on the weeks up to the end of April, reported on May and June. `npm run tune:flights [-- --json]`.
 * The flights are as they were, without injected incidents.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseModelConfig } from '../../src/adapters/model-config.js';
import type {
  BinaryPerformance,
  GateContext,
  Measured,
  ModelConfig,
  MonitorReport,
  Performance,
} from '../../src/contracts/index.js';
import { decide } from '../../src/domain/decisions/gate.js';
import { judgePromotion } from '../../src/domain/decisions/promotion.js';
import { loadLocalConfig } from '../../src/workers/config.js';
import { packageRoot } from '../../src/workers/package-root.js';
import { type BaselineModel, createBaselines, modelFor } from './baselines.js';
import { MAX_WEEKS, productionWeek, REPORTED_FROM } from './calendar.js';
import { createMeasures, type Outcome, timer, timerOutcome } from './comparison.js';
import { prepareFlights } from './data.js';
import type { Comparison } from './document.js';
import { digestOfTraining } from './digest.js';

interface Limits {
  aucDrop: number;
  logLossRise: number;
  cooldownDays: number;
  minGain: number;
}
/** Of a timer the mean over its phases, with their range. */
type Spread = Outcome & Pick<Comparison['policies'][number], 'range'>;
interface Row {
  limits: Limits | null;
  name: string;
  tuning: Spread;
  reported: Spread;
}

const GRID = {
  aucDrop: [0.02, 0.025, 0.03, 0.035, 0.04],
  logLossRise: [0.02, 0.04, 0.06, 0.08, 1],
  cooldownDays: [7, 14, 21, 28],
  minGain: [0, 0.0005, 0.001, 0.002],
};
const DAY_MS = 86_400_000;

/** The model of every week, measured once and kept. */
async function measure(config: ModelConfig): Promise<BaselineModel[]> {
  const {
    homeDir,
    pythons: { python },
  } = loadLocalConfig();
  const data = await prepareFlights({
    ...{ cacheDir: join(homeDir, 'cache'), weeks: MAX_WEEKS, slice: 1, incidents: false },
  });
  const script = join(packageRoot, 'examples', 'flights', 'baselines.py');
  const dir = join(data.dir, `models-${await digestOfTraining(config)}`);
  const signal = new AbortController().signal;
  const baselines = createBaselines({ python, script, data, config, dir, holdout: true, signal });
  try {
    for (let k = 1; k <= MAX_WEEKS; k++) {
      process.stderr.write(`\rmodel for week ${k} of ${MAX_WEEKS}`);
      await baselines.model(k);
    }
    process.stderr.write('\r\u001b[2K');
    return baselines.known();
  } finally {
    baselines.close();
  }
}

/** Which model serves each week (by the week it was trained for), and the weeks for which a training was paid. */
interface Course {
  served: number[];
  bought: number[];
}

/** The weeks as the loop lives them: one week served, the one before labelled, judged, perhaps retrained. */
function live(models: Map<number, BaselineModel>, config: ModelConfig): Course {
  let champion = 1;
  let lastRetrainAt: string | null = null;
  const course: Course = { served: [], bought: [] };
  for (let k = 1; k <= MAX_WEEKS; k++) {
    course.served.push(champion);
    const now = productionWeek(k).to;
    const judgedWeek = k - 1;
    if (judgedWeek < 1) continue;
    const report = reportOn(models, course.served[judgedWeek - 1] as number, judgedWeek, now);
    const context: GateContext = { ...CONTEXT, now, championRelease: champion, lastRetrainAt };
    const { action } = decide(report, context, config);
    if (action !== 'retrain' || k === MAX_WEEKS) continue;
    lastRetrainAt = now;
    const challenger = modelFor(k + 1);
    course.bought.push(challenger);
    if (promoted(models, challenger, champion, config)) champion = challenger;
  }
  return course;
}

const CONTEXT: GateContext = {
  ...{ now: '', championRelease: null, openRun: null, paused: false, pinned: false, lastRetrainAt: null },
  request: null,
  datasetVersion: 'a'.repeat(64),
  learntIn: null,
};

function reportOn(models: Map<number, BaselineModel>, model: number, k: number, at: string): MonitorReport {
  const { from, to } = productionWeek(k);
  const scored = models.get(model)!.scores.find(({ week }) => week === k)!;
  return {
    kind: 'monitor-report',
    schema: 2,
    model: 'flights',
    window: { from, to },
    revision: 2,
    causeId: `week/${k}`,
    status: 'final',
    closed: false,
    at,
    configDigest: '',
    rows: scored.rows,
    lateRows: 0,
    feed: WHOLE,
    expected: null,
    servedBy: [{ release: model, rows: scored.rows }],
    referenceRelease: model,
    referencePerformance: performanceOf(models.get(model)!.reference!),
    checks: [],
    drift: { judgedBefore: true, columns: [], outputs: [], label: null },
    labelMaturity: 1,
    performance: performanceOf(scored),
    labelMean: null,
    estimate: null,
    arms: [],
    slices: [],
    labelObjects: 7,
    seen: '',
    stored: { reference: '', profile: '', index: null, labelled: null, labels: null, objects: '' },
  };
}

const WHOLE: MonitorReport['feed'] = {
  objectRows: 0,
  duplicates: 0,
  withoutId: 0,
  withoutTime: 0,
  misdated: { before: 0, after: 0 },
  volume: { partMs: DAY_MS, rows: [] },
  extraColumns: [],
  repeats: [],
  unreadable: [],
};

/** With 95 % intervals, as the monitor reports them. */
function performanceOf(scored: Omit<BinaryPerformance, 'brier'>): Performance {
  const measured = (value: number | null, error: number | null): Measured =>
    value === null || error === null ? null : { value, low: value - 1.96 * error, high: value + 1.96 * error };
  const { rows, auc, aucSe, logLoss, logLossSe } = scored;
  return { task: 'binary', rows, metrics: { auc: measured(auc, aucSe), logLoss: measured(logLoss, logLossSe) } };
}

function promoted(
  models: Map<number, BaselineModel>,
  challenger: number,
  champion: number,
  { promotion, approval }: ModelConfig,
): boolean {
  const own = models.get(challenger)!;
  const found = own.gains!.find(({ week }) => week === champion)!;
  const ofChallenger = { ...own.reference!, brier: null };
  const summary = {
    rows: own.reference!.rows,
    metric: 'logLoss' as const,
    challenger: ofChallenger,
    champion: ofChallenger, // only that there is one
    gain: found.gain,
    gainInterval: [found.low, found.high] as [number, number],
  };
  return judgePromotion(summary, promotion, approval).promote;
}

function withLimits(config: ModelConfig, { aucDrop, logLossRise, cooldownDays, minGain }: Limits): ModelConfig {
  return {
    ...config,
    gate: {
      ...config.gate,
      performance: { ...config.gate.performance, aucDrop, logLossRise },
      cooldownMs: cooldownDays * DAY_MS,
    },
    promotion: { ...config.promotion, minGain },
  };
}

const WEEKS = Array.from({ length: MAX_WEEKS }, (_, i) => i + 1);
const SPANS = {
  tuning: WEEKS.filter((k) => productionWeek(k).from < REPORTED_FROM),
  reported: WEEKS.filter((k) => productionWeek(k).from >= REPORTED_FROM),
};
type Measures = ReturnType<typeof createMeasures>;

function rowOf({ outcome }: Measures, name: string, course: Course, limits: Limits | null): Row {
  const of = (weeks: number[]): Outcome =>
    outcome(
      weeks,
      weeks.map((week) => course.served[week - 1] as number),
      course.bought.filter((week) => weeks.includes(week)),
    );
  return { limits, name, tuning: of(SPANS.tuning), reported: of(SPANS.reported) };
}

function timerRow({ outcome, trained }: Measures, period: number): Row {
  const of = (weeks: number[]) =>
    timerOutcome(period, (phase) => {
      const served = timer(WEEKS, trained, period, phase);
      const bought = [...new Set(served)].filter((model) => model > 1 && weeks.includes(model));
      return outcome(
        weeks,
        weeks.map((week) => served[week - 1] as number),
        bought,
      );
    });
  const [tuning, reported] = [of(SPANS.tuning), of(SPANS.reported)];
  return { limits: null, name: period === 1 ? 'every week' : tuning.name, tuning, reported };
}

function grid(): Limits[] {
  return GRID.aucDrop.flatMap((aucDrop) =>
    GRID.logLossRise.flatMap((logLossRise) =>
      GRID.cooldownDays.flatMap((cooldownDays) =>
        GRID.minGain.map((minGain) => ({ aucDrop, logLossRise, cooldownDays, minGain })),
      ),
    ),
  );
}

const net = ({ tuning }: Row): number => Number(tuning.gainKept) - Number(tuning.costShare);

/**
 * The most net benefit on the weeks up to the end of April: the share of weekly retraining's gain that is kept, less the share of its
 * cost that is paid. `ties`: all limits that are as good; what these weeks cannot tell apart stays as the configuration has it.
 */
function choose(rows: Row[], { gate, promotion }: ModelConfig): { best: Row; ties: Row[] } {
  const unlike = ({ limits }: Row): number =>
    Number(limits!.aucDrop !== gate.performance.aucDrop) +
    Number(limits!.logLossRise !== gate.performance.logLossRise) +
    Number(limits!.cooldownDays * DAY_MS !== gate.cooldownMs) +
    Number(limits!.minGain !== promotion.minGain);
  const most = Math.max(...rows.map(net));
  const ties = rows.filter((row) => net(row) > most - 1e-9).sort((a, b) => unlike(a) - unlike(b));
  return { best: ties[0] as Row, ties };
}

/** Which values of each limit the tied rows have, and what they came to afterwards. */
function describeTies(ties: Row[]): string {
  const values = (name: keyof Limits): string => [...new Set(ties.map(({ limits }) => limits![name]))].join(', ');
  const gains = ties.map(({ reported }) => Number(reported.gainKept));
  return (
    `${ties.length} of the ${grid().length} limits are as good up to April: aucDrop ${values('aucDrop')}; logLossRise ${values('logLossRise')}; ` +
    `cooldown ${values('cooldownDays')} d; minGain ${values('minGain')}. In May and June they kept ` +
    `${Math.min(...gains).toFixed(2)} to ${Math.max(...gains).toFixed(2)} of the gain.`
  );
}

const nameOf = ({ aucDrop, logLossRise, cooldownDays, minGain }: Limits): string =>
  `aucDrop ${aucDrop}, logLossRise ${logLossRise}, cooldown ${cooldownDays}d, minGain ${minGain}`;

async function main(): Promise<void> {
  const file = join(packageRoot, 'examples', 'flights', 'model.yaml');
  const config = parseModelConfig(await readFile(file, 'utf8'), file);
  const measured = await measure(config);
  const models = new Map(measured.map((model) => [model.week, model]));
  const measures = createMeasures(measured);
  const rows = grid().map((limits) =>
    rowOf(measures, nameOf(limits), live(models, withLimits(config, limits)), limits),
  );
  const { best, ties } = choose(rows, config);
  const own: Row = rowOf(measures, 'examples/flights/model.yaml', live(models, config), null);
  const timers = [1, 2, 3, 4, 6].map((period) => timerRow(measures, period));
  const table = [{ ...best, name: `chosen: ${best.name}` }, own, ...timers];
  if (process.argv.includes('--json'))
    process.stdout.write(`${JSON.stringify({ best, ties, own, timers, rows }, null, 2)}\n`);
  else process.stdout.write(`${markdown(table)}\n\n${describeTies(ties)}\n`);
}

function markdown(rows: Row[]): string {
  const share = (value: number | null, range?: [number, number]): string =>
    `${value?.toFixed(2) ?? '–'}${range && range[0] !== range[1] ? ` (${range.map((one) => one.toFixed(2)).join(' to ')})` : ''}`;
  const cells = ({ retrains, logLoss, gainKept, costShare, range }: Spread): string =>
    `${retrains} | ${logLoss.toFixed(4)} | ${share(gainKept, range?.gainKept)} | ${share(costShare, range?.costShare)}`;
  return [
    '| policy | retrains to April | log loss | gain kept | cost | retrains in May and June | log loss | gain kept | cost |',
    '| --- | --- | --- | --- | --- | --- | --- | --- | --- |',
    ...rows.map(({ name, tuning, reported }) => `| ${name} | ${cells(tuning)} | ${cells(reported)} |`),
  ].join('\n');
}

await main();
