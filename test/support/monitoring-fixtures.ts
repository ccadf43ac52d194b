/** What libraries say of small tables: made by scripts/fixtures/monitoring.py. */
import { readFileSync } from 'node:fs';

interface NumericCase {
  name: string;
  reference: number[];
  current: number[];
  expected: Record<'psi' | 'jensenShannon' | 'ks' | 'wasserstein', number>;
}
interface CategoricalCase {
  name: string;
  /** Rows of the reference and of the current table. */
  counts: Record<string, [number, number]>;
  expected: { psi: number; jensenShannon: number; newCategories: number; evidentlyPsi: number | null };
}
interface BinaryCase {
  name: string;
  scores: number[];
  labels: number[];
  expected: Record<'auc' | 'aucVariance' | 'logLoss' | 'brier' | 'accuracy' | 'f1' | 'ece', number | null>;
}
interface MulticlassCase {
  name: string;
  classes: string[];
  probabilities: number[][];
  labels: number[];
  expected: Record<'accuracy' | 'macroF1' | 'logLoss' | 'auc', number>;
}
interface RegressionCase {
  name: string;
  predictions: number[];
  labels: number[];
  expected: Record<'mae' | 'rmse' | 'r2', number>;
}
interface EstimateCase {
  name: string;
  calibratedByNannyml: boolean;
  /** Score, positives, negatives. */
  reference: [number, number, number][];
  windows: {
    /** Score, rows. */
    scores: [number, number][];
    nannyml: Record<'auc' | 'accuracy' | 'f1', number>;
    expected: Record<'logLoss' | 'brier', number>;
    realised: Record<'auc' | 'accuracy' | 'f1' | 'logLoss' | 'brier', number>;
  }[];
}

interface Fixtures {
  drift: { numeric: NumericCase[]; categorical: CategoricalCase[] };
  distributions: {
    normal: [number, number][];
    student: [number, number, number][];
    /** Probability, x, degrees of freedom, noncentrality. */
    noncentral: [number, number, number, number][];
    /** Part, rows, low, high. */
    wilson: [number, number, number, number][];
  };
  performance: { binary: BinaryCase[]; multiclass: MulticlassCase[]; regression: RegressionCase[] };
  estimate: { cases: EstimateCase[] };
}

export const monitoringFixtures = <K extends keyof Fixtures>(name: K): Fixtures[K] =>
  JSON.parse(readFileSync(new URL(`../fixtures/monitoring/${name}.json`, import.meta.url), 'utf8')) as Fixtures[K];
