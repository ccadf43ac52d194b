/** What the decisions were worth, beside other ways to decide; from what was measured, by arithmetic alone. */
import { type BaselineModel, modelFor, type Scored } from './baselines.js';
import { REPORTED_FROM } from './calendar.js';
import type { Comparison, WeekResult } from './document.js';

type Span = Comparison['spans'][number];
type Policy = Comparison['policies'][number];

/** Which model a policy serves in each week: the number of the week for which it was trained. */
type Schedule = readonly number[];

/** Every how many weeks the periodic baselines retrain. */
const PERIODS = [2, 3, 4, 6];

/**
 * @param weeks with Seawall's own quality and both baselines'; a week that lacks one of them leaves nothing to compare: null
 * @param models the model of every week, as measured
 * @param seawall what the gate did, without the first model: decisions to retrain, and the weeks for which a model was trained
 */
export function compare(
  weeks: readonly WeekResult[],
  models: readonly BaselineModel[],
  seawall: { retrains: number; trainedFor: readonly number[] },
): Comparison | null {
  if (weeks.length === 0 || weeks.some((week) => week.logLoss === null || week.logLossWeekly === null)) return null;
  const whole = spanOf('all', 'all weeks', weeks);
  const before = weeks.filter(({ from }) => from < REPORTED_FROM);
  const after = weeks.filter(({ from }) => from >= REPORTED_FROM);
  const measures = createMeasures(models);
  const policies = policiesOf(
    weeks.map(({ k }) => k),
    measures,
    seawall.retrains,
  );
  const seconds = measures.cost(seawall.trainedFor);
  const weekly = policies.find(({ kind }) => kind === 'weekly');
  const own: Policy = {
    kind: 'seawall',
    name: 'Seawall',
    retrains: seawall.retrains,
    seconds,
    logLoss: whole.logLoss.seawall,
    auc: whole.auc.seawall,
    gainKept: whole.gainKept,
    costShare: share(seconds, weekly?.seconds ?? 0),
  };
  return {
    spans: [
      whole,
      ...(before.length > 0 ? [spanOf('tuning', 'to the end of April', before)] : []),
      ...(after.length > 0 ? [spanOf('reported', 'May and June', after)] : []),
    ],
    costShare: own.costShare,
    policies: [own, ...policies],
  };
}

function spanOf(name: Span['name'], label: string, weeks: readonly WeekResult[]): Span {
  const triple = (seawall: keyof WeekResult, frozen: keyof WeekResult, weekly: keyof WeekResult) => ({
    seawall: mean(weeks.map((week) => Number(week[seawall]))),
    frozen: mean(weeks.map((week) => Number(week[frozen]))),
    weekly: mean(weeks.map((week) => Number(week[weekly]))),
  });
  const logLoss = triple('logLoss', 'logLossFrozen', 'logLossWeekly');
  const auc = triple('auc', 'aucFrozen', 'aucWeekly');
  const gainKept = share(logLoss.frozen - logLoss.seawall, logLoss.frozen - logLoss.weekly);
  return { name, label, weeks: weeks.length, auc, logLoss, gainKept };
}

/** What a schedule costs and brings over some weeks; the first model costs everybody the same, and is nobody's decision. */
export type Outcome = Omit<Policy, 'kind' | 'name' | 'range'>;

/** Reads what was measured of the models: `outcome` of any schedule over any weeks, beside the January model and weekly retraining. */
export function createMeasures(models: readonly BaselineModel[]) {
  const trained = models.map(({ week }) => week);
  const secondsOf = new Map(models.map(({ week, seconds }) => [week, seconds]));
  const scores = new Map(models.map(({ week, scores: own }) => [week, new Map(own.map((one) => [one.week, one]))]));
  const scoreOf = (model: number, week: number): Scored => scores.get(model)!.get(week)!;
  const lossOf = (model: number, week: number): number => Number(scoreOf(model, week).logLoss);
  /** `served`: the model of each of `weeks`; `bought`: those that were paid for, whether or not they served. */
  const outcome = (weeks: readonly number[], served: Schedule, bought: readonly number[] = newIn(served)): Outcome => {
    const loss = (plan: Schedule): number => mean(weeks.map((week, i) => lossOf(plan[i]!, week)));
    const weekly = weeks.map(modelFor);
    const [own, frozen, best] = [loss(served), loss(weeks.map(() => trained[0]!)), loss(weekly)];
    const seconds = cost(bought);
    return {
      retrains: bought.length,
      seconds,
      logLoss: own,
      auc: mean(weeks.map((week, i) => Number(scoreOf(served[i]!, week).auc))),
      gainKept: share(frozen - own, frozen - best),
      costShare: share(seconds, cost(newIn(weekly).filter((model) => weeks.includes(model)))),
    };
  };
  /** By the same yardstick for everybody: what the baselines' process needed for that week's model, or for the newest before it. */
  const cost = (bought: readonly number[]): number =>
    sum(bought.map((week) => secondsOf.get(trained.filter((model) => model <= week).at(-1)!) ?? 0));
  const newIn = (served: Schedule): number[] => [...new Set(served)].filter((model) => model !== trained[0]);
  return { trained, lossOf, outcome, cost };
}

/** A timer: a new model every `period` weeks; `phase`, from 0 on, says in which week it begins. */
export function timer(numbers: readonly number[], trained: readonly number[], period: number, phase: number): Schedule {
  const taken = [trained[0]!, ...trained.slice(1).filter((week) => (week - 1) % period === phase)];
  return numbers.map((week) => taken.filter((model) => model <= week).at(-1)!);
}

/** The timer in the mean over its phases, and how far they lie apart. */
export function timerOutcome(period: number, outcomeOf: (phase: number) => Outcome): Omit<Policy, 'kind'> {
  const phases = Array.from({ length: period }, (_, phase) => outcomeOf(phase));
  const of = (read: (one: Outcome) => number | null): number[] => phases.map((one) => read(one) ?? 0);
  const [gains, costs] = [of((one) => one.gainKept), of((one) => one.costShare)];
  return {
    name: `every ${ordinal(period)} week`,
    retrains: Math.round(mean(of((one) => one.retrains))),
    seconds: mean(of((one) => one.seconds)),
    logLoss: mean(of((one) => one.logLoss)),
    auc: mean(of((one) => one.auc)),
    gainKept: phases.some((one) => one.gainKept === null) ? null : mean(gains),
    costShare: phases.some((one) => one.costShare === null) ? null : mean(costs),
    range: {
      gainKept: [Math.min(...gains), Math.max(...gains)],
      costShare: [Math.min(...costs), Math.max(...costs)],
    },
  };
}

function policiesOf(
  numbers: number[],
  { trained, lossOf, outcome }: ReturnType<typeof createMeasures>,
  retrains: number,
): Policy[] {
  const timers = PERIODS.filter((period) => period < trained.length).map((period): Policy => ({
    kind: 'periodic',
    ...timerOutcome(period, (phase) => outcome(numbers, timer(numbers, trained, period, phase))),
  }));
  const hindsight = bestSchedule(numbers, trained, retrains, lossOf);
  return [
    {
      kind: 'frozen',
      name: 'never',
      ...outcome(
        numbers,
        numbers.map(() => trained[0]!),
      ),
    },
    { kind: 'weekly', name: 'every week', ...outcome(numbers, numbers.map(modelFor)) },
    ...timers,
    { kind: 'hindsight', name: `best ${retrains} in hindsight`, ...outcome(numbers, hindsight) },
  ];
}

/**
 * The schedule with at most `retrains` models after the first that has the lowest sum of losses: dynamic programming over which
 * model serves which stretch of weeks (as CARA's oracle, arXiv 2310.04216). Nobody could have known it beforehand.
 */
export function bestSchedule(
  numbers: readonly number[],
  trained: readonly number[],
  retrains: number,
  lossOf: (model: number, week: number) => number,
): Schedule {
  // The cheapest way so far for every model that may serve now and every number of models bought.
  let ways = new Map<string, { model: number; bought: number; loss: number; plan: number[] }>();
  ways.set(`${trained[0]}/0`, { model: trained[0]!, bought: 0, loss: 0, plan: [] });
  for (const week of numbers) {
    const next: typeof ways = new Map();
    for (const way of ways.values()) {
      for (const model of [way.model, ...(trained.includes(week) && week !== way.model ? [week] : [])]) {
        const bought = way.bought + (model === way.model ? 0 : 1);
        if (bought > retrains) continue;
        const loss = way.loss + lossOf(model, week);
        const name = `${model}/${bought}`;
        const known = next.get(name);
        if (!known || loss < known.loss) next.set(name, { model, bought, loss, plan: [...way.plan, model] });
      }
    }
    ways = next;
  }
  return [...ways.values()].reduce((a, b) => (b.loss < a.loss ? b : a)).plan;
}

const ordinal = (n: number): string => (n === 2 ? '2nd' : n === 3 ? '3rd' : `${n}th`);
const sum = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0);
const mean = (values: readonly number[]): number => sum(values) / values.length;
/** null where there is nothing to have a share of. */
const share = (part: number, whole: number): number | null => (whole > 0 ? part / whole : null);
