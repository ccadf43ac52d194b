import type { LabelReading, LabelRequest } from '../../activities/monitor.js';
import { type Answering, labelColumns, outputsOf, type Quality, type QualitySlice } from '../../contracts/index.js';
import { type Database, type DatabaseOptions, withDatabase } from './database.js';
import { profileTable, qualityOf, type QualityRequest } from './profile/index.js';
import { sliceName } from './read-window.js';
import { identifier, text } from './sql.js';
import { stage } from './staging.js';
import { isKnownLabel, isLabel, labelKind, labelType } from './task-labels.js';

/**
 * Quality of a window's predictions, as far as their labels have arrived. Of several labels of one prediction the highest `_seq`
 * counts (then the latest `_label_time`, then the greatest label), in whatever order and in however many deliveries they came:
 * the label that counts of many deliveries is the one that counts among those of each. A label that is null withdraws earlier
 * ones; one that its task does not know is no label.
 */
export function readLabels(options: DatabaseOptions, request: LabelRequest): Promise<LabelReading> {
  return withDatabase(options, async (db) => {
    const { answering, indexFile, labelsFile, labelColumn } = request;
    await db.run(`CREATE VIEW predictions AS SELECT * FROM read_parquet(${text(indexFile)})`);
    await stageLabels(db, request);
    await db.run(`COPY (SELECT id, label, label_time, seq FROM labels ORDER BY id)
      TO ${text(labelsFile)} (FORMAT parquet, COMPRESSION zstd)`);
    await db.run(`CREATE TABLE joined AS SELECT p.*, l.label FROM predictions p JOIN labels l USING (id)
      WHERE ${isLabel(answering, 'l.label')}`);
    const ofChampion = `(SELECT * FROM joined WHERE arm IS DISTINCT FROM 'canary')`;
    const kind = answering.task === 'multiclass' ? 'categorical' : 'numeric';
    const columns = await profileTable(db, ofChampion, [{ name: labelColumn, kind, value: 'label' }]);
    const { quality, slices } = await qualityIn(db, ofChampion, request);
    const { rows } = columns[0]!;
    return {
      labelled: await countOf(db, `joined WHERE ${isKnownLabel(answering, 'label')}`),
      profile: { kind: 'profile', schema: 1, rows, columns, quality, slices },
      canary: await canaryOf(db, request),
    };
  });
}

/** Table `labels`: one row per prediction of the index that any label speaks of. */
async function stageLabels(db: Database, { files, known, answering: { task } }: LabelRequest): Promise<void> {
  // A label object that cannot be read has no labels; nobody could say of which window they were.
  await stage(
    db,
    'all_labels',
    files,
    [
      { alias: 'id', name: labelColumns.id, kind: 'text' },
      { alias: 'label', name: labelColumns.label, kind: labelKind[task] },
      { alias: 'label_time', name: labelColumns.labelTime, kind: 'time' },
      { alias: 'seq', name: labelColumns.seq, kind: 'sequence' },
    ],
    'id IN (SELECT id FROM predictions)',
  );
  if (known !== null)
    await db.run(`INSERT INTO all_labels SELECT id, label, label_time, seq FROM read_parquet(${text(known)})`);
  await db.run(`CREATE TABLE labels AS SELECT id, label::${labelType[task]} AS label, label_time, seq FROM all_labels
    QUALIFY row_number() OVER (
      PARTITION BY id ORDER BY seq DESC NULLS LAST, label_time DESC NULLS LAST, label DESC NULLS LAST) = 1`);
}

async function countOf(db: Database, relation: string): Promise<number> {
  return (await db.all<{ rows: number }>(`SELECT count(*)::DOUBLE AS rows FROM ${relation}`))[0]!.rows;
}

async function qualityIn(
  db: Database,
  relation: string,
  { answering, slices: wanted }: Pick<LabelRequest, 'answering' | 'slices'>,
): Promise<{ quality: Quality; slices: QualitySlice[] }> {
  const present = await db.all<{ column_name: string }>('DESCRIBE SELECT * FROM predictions');
  const has = (name: string): boolean => present.some((column) => column.column_name === sliceName(name));
  const slices = wanted
    .filter(({ name }) => has(name))
    .map((spec) => {
      const value = identifier(sliceName(spec.name));
      return spec.kind === 'numeric' ? { ...spec, value: `${value}::DOUBLE` } : { ...spec, value: `${value}::VARCHAR` };
    });
  return qualityOf(db, relation, { ...comparison(answering), slices });
}

/** What is compared, over columns that are called as in the log, and `label`. */
export function comparison(answering: Answering): QualityRequest {
  const { task, classes = [] } = answering;
  switch (task) {
    case 'binary':
      return { task, label: 'label', score: 'score', prediction: 'prediction' };
    case 'multiclass': {
      const scores = outputsOf(answering)
        .slice(1)
        .map(({ name }) => identifier(name));
      return { task, label: 'label', classes, prediction: 'prediction', scores };
    }
    case 'regression':
      return { task, label: 'label', prediction: 'prediction' };
  }
}

async function canaryOf(db: Database, request: LabelRequest): Promise<LabelReading['canary']> {
  const rows = await countOf(db, `predictions WHERE arm = 'canary'`);
  if (rows === 0) return null;
  const labelled = await countOf(db, `joined WHERE arm = 'canary'`);
  const { quality } = await qualityIn(db, `(SELECT * FROM joined WHERE arm = 'canary')`, { ...request, slices: [] });
  return { rows, labelled, quality };
}
