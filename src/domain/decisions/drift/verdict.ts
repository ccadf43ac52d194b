/** From a distance with its interval to a verdict that people can check. */
import type { ColumnDrift, DriftPolicy, DriftStatistic, Interval } from '../../../contracts/index.js';
import { count } from '../text.js';

interface Judged {
  psi: number;
  jensenShannon: number;
  ks: number | null;
  wasserstein: number | null;
  intervals: Partial<Record<DriftStatistic, Interval>>;
  /** The one that decides. */
  statistic: DriftStatistic;
  /** What the Wasserstein distance is measured in: the reference's standard deviation, in the column's unit. */
  unit: number;
  /** Of the current profile, with a usable value. */
  rows: number;
  policy: DriftPolicy;
  /** What the statistic cannot see, if there is something. */
  hides: string | null;
}

const NAMES: Record<DriftStatistic, string> = {
  psi: 'PSI',
  jensenShannon: 'Jensen-Shannon distance',
  ks: 'Kolmogorov-Smirnov statistic',
  wasserstein: 'Wasserstein distance in standard deviations',
};

/** Two digits are enough to hold a number against a limit. */
const told = (x: number): string => (x > 0 && x < 1e-4 ? '<0.0001' : String(Number(x.toPrecision(x < 0.1 ? 2 : 3))));

export function judge(judged: Judged): Pick<ColumnDrift, 'verdict' | 'because'> {
  const { statistic, policy, rows, hides } = judged;
  const unit = statistic === 'wasserstein' ? judged.unit : 1;
  const value = judged[statistic]! / unit;
  const interval = judged.intervals[statistic]!;
  const [low, high] = [interval.low / unit, interval.high / unit];
  const limit = policy.limits[statistic];
  if (!Number.isFinite(value) || !Number.isFinite(high))
    return {
      verdict: 'notJudged',
      because: `Cannot be judged: the ${NAMES[statistic]} of such large numbers is not finite.`,
    };
  const what = `${NAMES[statistic]} ${told(value)}`;
  const truth = `${told(low)} to ${told(high)}`;
  const more = hides === null ? '' : `; ${hides}`;
  if (low >= limit)
    return { verdict: 'drifted', because: `${what}: the truth, ${truth}, is above the limit ${limit}${more}.` };
  if (high < limit)
    return { verdict: 'stable', because: `${what}: the truth, ${truth}, is below the limit ${limit}${more}.` };
  const few = `${count(rows)} ${rows === 1 ? 'row does' : 'rows do'} not tell on which side of the limit ${limit}`;
  return { verdict: 'undecided', because: `${what}: the truth is ${truth}, ${few}${more}.` };
}
