/**
 * How the example's thresholds were chosen: the gate's own functions, over what every model would have scored in every week, for a
 * grid of limits; judged on the weeks up to the end of April, reported on May and June. `npm run tune:flights [-- --json]`.
 * The flights are as they were, without injected incidents.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseModelConfig } from '../../src/adapters/model-config.js';
import type { BinaryPerformance, GateContext, ModelConfig, MonitorReport } from '../../src/contracts/index.js';
import { decide } from '../../src/domain/decisions/gate.js';
import { judgePromotion } from '../../src/domain/decisions/promotion.js';
import { loadLocalConfig } from '../../src/workers/config.js';
import { packageRoot } from '../../src/workers/package-root.js';
import { type BaselineModel, createBaselines, modelFor } from './baselines.js';
import { MAX_WEEKS, productionWeek, REPORTED_FROM } from './calendar.js';
import { prepareFlights } from './data.js';

interface Limits {
  aucDrop: number;
  logLossRise: number;
  cooldownDays: number;
  minGain: number;
}
interface Outcome {
  /** Over the weeks of a span. */
  logLoss: number;
  gainKept: number;
  costShare: number;
  retrains: number;
}
interface Row {
  limits: Limits | null;
  name: string;
  tuning: Outcome;
  reported: Outcome;
}

const GRID = {
  aucDrop: [0.02, 0.025, 0.03, 0.035, 0.04],
  logLossRise: [0.02, 0.04, 0.06, 0.08, 1],
  cooldownDays: [7, 14, 21, 28],
  minGain: [0, 0.0005, 0.001, 0.002],
};
/** What a choice may cost, as a share of weekly retraining's seconds, in the weeks that it is chosen on. */
const COST_LIMIT = 0.35;
const DAY_MS = 86_400_000;

/** The model of every week, measured once and kept. */
async function measure(config: ModelConfig): Promise<BaselineModel[]> {
  const { homeDir, python } = loadLocalConfig();
  const data = await prepareFlights({
    cacheDir: join(homeDir, 'cache'),
    weeks: MAX_WEEKS,
    slice: 1,
    incidents: false,
  });
  const script = join(packageRoot, 'examples', 'flights', 'baselines.py');
  const dir = join(data.dir, `models-${JSON.stringify(config.trainer.params).replace(/\W+/g, '-')}`);
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
  now: '',
  championRelease: null,
  openRun: null,
  paused: false,
  pinned: false,
  lastRetrainAt: null,
  request: null,
  datasetVersion: 'a'.repeat(64),
  learntIn: null,
};

function reportOn(models: Map<number, BaselineModel>, model: number, k: number, at: string): MonitorReport {
  const { from, to } = productionWeek(k);
  const scored = models.get(model)!.scores.find(({ week }) => week === k)!;
  const performance: BinaryPerformance = { ...scored, brier: null };
  return {
    kind: 'monitor-report',
    schema: 1,
    model: 'flights',
    window: { from, to },
    revision: 2,
    causeId: `week/${k}`,
    status: 'final',
    at,
    configDigest: '',
    rows: scored.rows,
    duplicates: 0,
    servedBy: [{ release: model, rows: scored.rows }],
    referenceRelease: model,
    referencePerformance: { ...models.get(model)!.reference!, brier: null },
    checks: [],
    drift: { columns: [], prediction: null },
    labelMaturity: 1,
    performance,
    labelObjects: 7,
  };
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

const firstReported = Array.from({ length: MAX_WEEKS }, (_, i) => i + 1).findIndex(
  (k) => productionWeek(k).from >= REPORTED_FROM,
);
const SPANS = { tuning: [0, firstReported], reported: [firstReported, MAX_WEEKS] } as const;

function rowOf(models: Map<number, BaselineModel>, name: string, course: Course, limits: Limits | null): Row {
  const of = (span: keyof typeof SPANS): Outcome => outcomeOf(models, course, SPANS[span]);
  return { limits, name, tuning: of('tuning'), reported: of('reported') };
}

function outcomeOf(models: Map<number, BaselineModel>, course: Course, [from, to]: readonly [number, number]): Outcome {
  const weeks = Array.from({ length: to - from }, (_, i) => from + i + 1);
  const lossOf = (model: number, week: number): number =>
    Number(models.get(model)!.scores.find((one) => one.week === week)!.logLoss);
  const mean = (modelIn: (week: number) => number): number =>
    weeks.reduce((sum, week) => sum + lossOf(modelIn(week), week), 0) / weeks.length;
  const seconds = (bought: number[]): number =>
    bought.filter((week) => week > from && week <= to).reduce((sum, week) => sum + (models.get(week)?.seconds ?? 0), 0);
  const [frozen, weekly] = [mean(() => 1), mean(modelFor)];
  const logLoss = mean((week) => course.served[week - 1] as number);
  const every = [...models.keys()].filter((week) => week > 1);
  return {
    logLoss,
    gainKept: (frozen - logLoss) / (frozen - weekly),
    costShare: seconds(course.bought) / seconds(every),
    retrains: course.bought.filter((week) => week > from && week <= to).length,
  };
}

/** A timer: a new model every `period` weeks. */
function timer(models: Map<number, BaselineModel>, period: number): Course {
  const bought = [...models.keys()].filter((week) => week > 1 && (week - 1) % period === 0);
  const served = Array.from({ length: MAX_WEEKS }, (_, i) => bought.filter((week) => week <= i + 1).at(-1) ?? 1);
  return { served, bought };
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

/** Most gain within the cost limit, on the weeks up to the end of April; of equals the cheapest, then the strictest. */
function choose(rows: Row[]): Row {
  const affordable = rows.filter(({ tuning }) => tuning.costShare <= COST_LIMIT);
  const order = (a: Row, b: Row): number =>
    b.tuning.gainKept - a.tuning.gainKept ||
    a.tuning.costShare - b.tuning.costShare ||
    b.limits!.aucDrop - a.limits!.aucDrop ||
    b.limits!.logLossRise - a.limits!.logLossRise ||
    b.limits!.minGain - a.limits!.minGain;
  return affordable.sort(order)[0] as Row;
}

const nameOf = ({ aucDrop, logLossRise, cooldownDays, minGain }: Limits): string =>
  `aucDrop ${aucDrop}, logLossRise ${logLossRise}, cooldown ${cooldownDays}d, minGain ${minGain}`;

async function main(): Promise<void> {
  const file = join(packageRoot, 'examples', 'flights', 'model.yaml');
  const config = parseModelConfig(await readFile(file, 'utf8'), file);
  const models = new Map((await measure(config)).map((model) => [model.week, model]));
  const rows = grid().map((limits) => rowOf(models, nameOf(limits), live(models, withLimits(config, limits)), limits));
  const best = choose(rows);
  const own: Row = rowOf(models, 'examples/flights/model.yaml', live(models, config), null);
  const timers = [1, 2, 3, 4, 6].map((period) =>
    rowOf(models, `every ${period === 1 ? '' : `${period}. `}week`, timer(models, period), null),
  );
  const table = [{ ...best, name: `chosen: ${best.name}` }, own, ...timers];
  if (process.argv.includes('--json'))
    process.stdout.write(`${JSON.stringify({ best, own, timers, rows }, null, 2)}\n`);
  else process.stdout.write(`${markdown(table)}\n`);
}

function markdown(rows: Row[]): string {
  const cells = (of: Outcome): string =>
    `${of.retrains} | ${of.logLoss.toFixed(4)} | ${of.gainKept.toFixed(2)} | ${of.costShare.toFixed(2)}`;
  return [
    '| policy | retrains to April | log loss | gain kept | cost | retrains in May and June | log loss | gain kept | cost |',
    '| --- | --- | --- | --- | --- | --- | --- | --- | --- |',
    ...rows.map(({ name, tuning, reported }) => `| ${name} | ${cells(tuning)} | ${cells(reported)} |`),
  ].join('\n');
}

await main();
