/** What the decisions were worth, beside other ways to decide; from what was measured, by arithmetic alone. */
import type { BaselineModel, Scored } from './baselines.js';
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
  const policies = createPolicies(weeks, models);
  const weekly = policies.weekly();
  const seconds = policies.secondsFor(seawall.trainedFor);
  const own: Policy = {
    kind: 'seawall',
    name: 'Seawall',
    retrains: seawall.retrains,
    seconds,
    logLoss: whole.logLoss.seawall,
    auc: whole.auc.seawall,
    gainKept: whole.gainKept,
    costShare: share(seconds, weekly.seconds),
  };
  return {
    spans: [
      whole,
      ...(before.length > 0 ? [spanOf('tuning', 'to the end of April', before)] : []),
      ...(after.length > 0 ? [spanOf('reported', 'May and June', after)] : []),
    ],
    costShare: own.costShare,
    policies: [own, ...policies.others(seawall.retrains)],
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

function createPolicies(weeks: readonly WeekResult[], models: readonly BaselineModel[]) {
  const trained = models.map(({ week }) => week);
  const secondsOf = new Map(models.map(({ week, seconds }) => [week, seconds]));
  const scores = new Map(models.map(({ week, scores: own }) => [week, new Map(own.map((one) => [one.week, one]))]));
  const scoreOf = (model: number, week: number): Scored => scores.get(model)!.get(week)!;
  const numbers = weeks.map(({ k }) => k);
  const lossOf = (model: number, week: number): number => Number(scoreOf(model, week).logLoss);
  const cost = (schedule: Schedule): { retrains: number; seconds: number } => {
    // The first model costs everybody the same, and is nobody's decision.
    const bought = [...new Set(schedule)].filter((model) => model !== trained[0]);
    return { retrains: bought.length, seconds: sum(bought.map((model) => secondsOf.get(model) ?? 0)) };
  };
  const weeklySchedule = schedule(numbers, trained, () => true);
  const frozenLoss = mean(numbers.map((week) => lossOf(trained[0]!, week)));
  const weeklyLoss = mean(numbers.map((week, i) => lossOf(weeklySchedule[i]!, week)));
  const weeklySeconds = cost(weeklySchedule).seconds;
  const policy = (kind: Policy['kind'], name: string, plan: Schedule): Policy => {
    const logLoss = mean(numbers.map((week, i) => lossOf(plan[i]!, week)));
    const auc = mean(numbers.map((week, i) => Number(scoreOf(plan[i]!, week).auc)));
    const { retrains, seconds } = cost(plan);
    const gainKept = share(frozenLoss - logLoss, frozenLoss - weeklyLoss);
    return { kind, name, retrains, seconds, logLoss, auc, gainKept, costShare: share(seconds, weeklySeconds) };
  };
  const every = (period: number): Policy =>
    policy(
      'periodic',
      `every ${ordinal(period)} week`,
      schedule(numbers, trained, (week) => (week - 1) % period === 0),
    );
  return {
    /** By the same yardstick for everybody: what the baselines' process needed for that week's model, or for the newest before it. */
    secondsFor: (served: readonly number[]): number =>
      sum(served.map((week) => secondsOf.get(trained.filter((model) => model <= week).at(-1)!) ?? 0)),
    weekly: () => policy('weekly', 'every week', weeklySchedule),
    others: (retrains: number): Policy[] => [
      policy(
        'frozen',
        'never',
        numbers.map(() => trained[0]!),
      ),
      policy('weekly', 'every week', weeklySchedule),
      ...PERIODS.filter((period) => period < trained.length).map(every),
      policy('hindsight', `best ${retrains} in hindsight`, bestSchedule(numbers, trained, retrains, lossOf)),
    ],
  };
}

/** `takes` is asked about each retrained model, by its week; between two that are taken the older one serves. */
function schedule(numbers: number[], trained: number[], takes: (model: number) => boolean): Schedule {
  const taken = [trained[0]!, ...trained.slice(1).filter(takes)];
  return numbers.map((week) => taken.filter((model) => model <= week).at(-1)!);
}

/**
 * The schedule with at most `retrains` models after the first that has the lowest sum of losses: dynamic programming over which
 * model serves which stretch of weeks (as CARA's oracle, arXiv 2310.04216). Nobody could have known it beforehand.
 */
export function bestSchedule(
  numbers: number[],
  trained: number[],
  retrains: number,
  lossOf: (model: number, week: number) => number,
): Schedule {
  // best[m]: the cheapest way so far that serves model m now, by the number of models bought.
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
