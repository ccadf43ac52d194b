import type { LogFile, PerformanceRequest, WindowPerformance } from '../../activities/monitor.js';
import { type BinaryPerformance, hanleyMcNeil, labelColumns, LOG_LOSS_CLIP } from '../../contracts/index.js';
import { type Database, type DatabaseOptions, withDatabase } from './database.js';
import { stagePredictions } from './predictions.js';
import { double } from './sql.js';
import { stage } from './staging.js';

/**
 * Quality of a window's predictions, as far as their labels have arrived.
 * Of several labels of one prediction the highest `_seq` counts (then the latest `_label_time`, then the higher label), in
 * whatever order they came. A label that is null withdraws earlier ones; one that is neither 0 nor 1 is no label.
 */
export function performance(options: DatabaseOptions, request: PerformanceRequest): Promise<WindowPerformance> {
  return withDatabase(options, async (db) => {
    const { rows } = await stagePredictions(db, request.predictions, request.window, []);
    await stageLabels(db, request.labels);
    await db.run(`CREATE TABLE scored AS SELECT score, label FROM predictions JOIN labels USING (id)`);
    const [counts] = await db.all<{ labelled: number }>('SELECT count(*)::DOUBLE AS labelled FROM scored');
    const { labelled } = counts!;
    return { rows, labelled, performance: labelled === 0 ? null : await binaryPerformance(db, 'scored') };
  });
}

async function stageLabels(db: Database, files: LogFile[]): Promise<void> {
  await stage(
    db,
    'all_labels',
    files,
    [
      { alias: 'id', name: labelColumns.id, kind: 'text' },
      { alias: 'label', name: labelColumns.label, kind: 'label' },
      { alias: 'label_time', name: labelColumns.labelTime, kind: 'time' },
      { alias: 'seq', name: labelColumns.seq, kind: 'number' },
    ],
    'id IN (SELECT id FROM predictions)',
  );
  await db.run(`CREATE TABLE labels AS
    SELECT id, label FROM (
      SELECT id, label FROM all_labels QUALIFY row_number() OVER (
        PARTITION BY id ORDER BY seq DESC NULLS LAST, label_time DESC NULLS LAST, label DESC NULLS LAST) = 1)
    WHERE label IN (0, 1)`);
}

interface Sums {
  rows: number;
  positives: number;
  /** Twice the Mann-Whitney U statistic: ties count half. */
  twiceU: number | null;
  logLoss: number | null;
  logLossSquares: number | null;
  brier: number | null;
}

/**
 * AUC, log loss and Brier score of the columns `score` and `label` (0 or 1) of `table`; rows without one of them are left out.
 * The AUC is exact: Mann and Whitney's U over the number of pairs (Fawcett 2006, "An introduction to ROC analysis").
 * Sums run over the distinct scores in order, so equal rows give equal bits in whatever order they were stored.
 */
export async function binaryPerformance(db: Database, table: string): Promise<BinaryPerformance> {
  const [row] = await db.all<Sums>(`
    WITH by_score AS (
      SELECT score, count(*) FILTER (label = 1) AS pos, count(*) FILTER (label = 0) AS neg,
             greatest(${double(LOG_LOSS_CLIP)}, least(1 - ${double(LOG_LOSS_CLIP)}, score)) AS p
      FROM ${table} WHERE score IS NOT NULL AND label IN (0, 1) GROUP BY score
    ), counted AS (
      SELECT *, sum(neg) OVER (ORDER BY score) - neg AS neg_below, pos * -ln(p) + neg * -ln(1 - p) AS loss FROM by_score
    ), totals AS (SELECT sum(pos + neg)::DOUBLE AS n, sum(loss ORDER BY score) / sum(pos + neg)::DOUBLE AS mean FROM counted)
    SELECT coalesce(sum(pos + neg), 0)::DOUBLE AS rows, coalesce(sum(pos), 0)::DOUBLE AS positives,
           sum(pos * (2 * neg_below + neg))::DOUBLE AS "twiceU", any_value(mean) AS "logLoss",
           sum(pos * pow(-ln(p) - mean, 2) + neg * pow(-ln(1 - p) - mean, 2) ORDER BY score) AS "logLossSquares",
           sum(pos * pow(1 - score, 2) + neg * pow(score, 2) ORDER BY score) / any_value(n) AS brier
    FROM counted, totals`);
  return fromSums(row!);
}

function fromSums({ rows, positives, twiceU, logLoss, logLossSquares, brier }: Sums): BinaryPerformance {
  const negatives = rows - positives;
  const auc = positives > 0 && negatives > 0 && twiceU !== null ? twiceU / 2 / (positives * negatives) : null;
  return {
    rows,
    positives,
    auc,
    aucSe: auc === null ? null : hanleyMcNeil(auc, positives, negatives),
    logLoss,
    logLossSe: rows > 1 && logLossSquares !== null ? Math.sqrt(logLossSquares / (rows - 1) / rows) : null,
    brier,
  };
}
