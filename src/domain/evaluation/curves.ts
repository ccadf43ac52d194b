/** What an evaluation looks like. */
import type { Answers } from './answers.js';
import { calibration, type CalibrationBin } from './calibration.js';
import { ascending } from './ranking.js';

export interface Curves {
  /** Two classes only: share of negatives and of positives above each threshold. */
  roc: { falseAlarms: number; hits: number }[] | null;
  calibration: CalibrationBin[] | null;
}

const POINTS = 200;

export const curvesOf = (answers: Answers): Curves => ({
  roc: answers.task === 'binary' ? roc(answers) : null,
  calibration: calibration(answers),
});

/** null: one class only. */
function roc({ scores, labels }: Answers): Curves['roc'] {
  const order = ascending(scores);
  const n = labels.length;
  const positives = labels.reduce((sum, label) => sum + label, 0);
  if (positives === 0 || positives === n) return null;
  const points = [{ falseAlarms: 0, hits: 0 }];
  const step = Math.max(1, Math.floor(n / POINTS));
  let hits = 0;
  for (let i = n - 1, since = 1; i >= 0; i--, since++) {
    hits += labels[order[i] as number] as number;
    // Between rows of one score there is no threshold.
    const tied = i > 0 && scores[order[i - 1] as number] === scores[order[i] as number];
    if (tied || (since < step && i > 0)) continue;
    points.push({ falseAlarms: (n - i - hits) / (n - positives), hits: hits / positives });
    since = 0;
  }
  return points;
}
