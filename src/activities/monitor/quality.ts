/** How good the champion's answers were, as far as labels are there: in all, in parts, and the canary's beside them. */
import type {
  ArmReport,
  MonitorReport,
  Performance,
  Quality,
  ReferenceProfile,
  SliceReport,
} from '../../contracts/index.js';
import { performanceOf } from '../../domain/decisions/performance/performance.js';
import type { ReadLabels } from './sight.js';

/** Slices with fewer labels than this say nothing. */
const LEAST_ROWS = 30;
const MOST_SLICES = 20;

export function qualityOf(
  { profile }: ReferenceProfile,
  labels: ReadLabels | null,
): Pick<MonitorReport, 'performance' | 'labelMean' | 'arms' | 'slices'> {
  if (!labels) return { performance: null, labelMean: null, arms: [], slices: [] };
  const { quality, slices } = labels.reading.profile;
  const performance = quality && quality.rows > 0 ? performanceOf(quality) : null;
  const before = new Map(profile.slices.map(({ column, value, quality: was }) => [`${column} ${value}`, was]));
  const reports = slices
    .filter((slice) => slice.quality.rows >= LEAST_ROWS)
    .map(({ column, value, quality: is }): SliceReport => {
      const was = before.get(`${column} ${value}`);
      return {
        column,
        value,
        performance: performanceOf(is),
        reference: was && was.rows > 0 ? performanceOf(was) : null,
      };
    });
  const labelMean = quality && labelMeanOf(quality);
  return { performance, labelMean, arms: armsOf(labels), slices: worstFirst(reports).slice(0, MOST_SLICES) };
}

function labelMeanOf(quality: Quality): number | null {
  if (quality.rows === 0 || quality.task === 'multiclass') return null;
  const sum = quality.task === 'binary' ? quality.positives.reduce((all, n) => all + n, 0) : quality.sums.label;
  return sum / quality.rows;
}

function armsOf({ reading: { canary } }: ReadLabels): ArmReport[] {
  if (!canary) return [];
  const { rows, labelled, quality } = canary;
  return [{ arm: 'canary', rows, labelled, performance: quality && quality.rows > 0 ? performanceOf(quality) : null }];
}

/** By what the task is judged by: loss against the same slice of the reference, else the value itself. */
function worstFirst(slices: SliceReport[]): SliceReport[] {
  const badness = ({ performance, reference }: SliceReport): number => {
    const [metric, sign] = LEADING[performance.task];
    const now = performance.metrics[metric]?.value;
    if (now === undefined) return -Infinity;
    return sign * (now - (reference?.metrics[metric]?.value ?? 0)) - (reference ? 0 : 1e3);
  };
  return [...slices].sort((a, b) => badness(b) - badness(a));
}

/** The metric by which slices are ordered, and whether more of it is worse. */
const LEADING: Record<Performance['task'], readonly [metric: string, sign: 1 | -1]> = {
  binary: ['auc', -1],
  multiclass: ['accuracy', -1],
  regression: ['rmse', 1],
};
