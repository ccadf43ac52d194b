/** From a distance with its interval to a verdict that people can check. */
import type { ColumnDrift, DriftPart, DriftPolicy, DriftStatistic, Interval } from '../../../contracts/index.js';
import { count, percent } from '../text.js';

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
  parts: DriftPart[];
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

const most = ({ part, reference, current }: DriftPart): string =>
  `most of it in ${part}: ${percent(reference)} of the rows before, ${percent(current)} now`;

export function judge(judged: Judged): Pick<ColumnDrift, 'verdict' | 'because'> {
  const { statistic, policy, rows, hides } = judged;
  const distance = judged[statistic];
  const interval = judged.intervals[statistic];
  if (distance === null || interval === undefined)
    return { verdict: 'notJudged', because: `Cannot be judged: numbers are too large for a ${NAMES[statistic]}.` };
  const unit = statistic === 'wasserstein' ? judged.unit : 1;
  const [value, low, high] = [distance / unit, interval.low / unit, interval.high / unit];
  const limit = policy.limits[statistic];
  const what = `${NAMES[statistic]} ${told(value)} (interval ${told(low)} to ${told(high)})`;
  const more = hides === null ? '' : `; ${hides}`;
  if (low >= limit) {
    const because = `${what} is above the limit ${limit}; ${most(judged.parts[0]!)}${more}.`;
    return { verdict: 'drifted', because };
  }
  if (high < limit) return { verdict: 'stable', because: `${what} is below the limit ${limit}${more}.` };
  const few = `${count(rows)} ${rows === 1 ? 'row does' : 'rows do'} not tell on which side of the limit ${limit}`;
  return { verdict: 'undecided', because: `${what}: ${few}${more}.` };
}
