import type { Task } from '../../contracts/index.js';

/** What a model answered on labelled rows, in the order of the rows. */
export interface Answers {
  task: Task;
  /** Scores per row: 1 with two classes, one per class with several, 0 for numbers. */
  width: number;
  /** 0 or 1, the index of the class, or the number. */
  labels: Float64Array;
  /** The same for the model's `prediction`. */
  predictions: Float32Array;
  /** Probabilities, row by row: of the positive class, or of each class. */
  scores: Float32Array;
}

/** The rows of these indices, in their order. */
export function rowsOf(answers: Answers, rows: Uint32Array): Answers {
  const { width } = answers;
  const labels = new Float64Array(rows.length);
  const predictions = new Float32Array(rows.length);
  const scores = new Float32Array(rows.length * width);
  rows.forEach((row, i) => {
    labels[i] = answers.labels[row] as number;
    predictions[i] = answers.predictions[row] as number;
    for (let c = 0; c < width; c++) scores[i * width + c] = answers.scores[row * width + c] as number;
  });
  return { ...answers, labels, predictions, scores };
}
