import { basename } from 'node:path';
import {
  type Answering,
  type Feature,
  outputsOf,
  type ProfiledColumn,
  type ReferenceProfile,
  SeawallError,
} from '../../contracts/index.js';
import { sliceSpecs } from '../../domain/profiles/slices.js';
import { type Database, type DatabaseOptions, withDatabase } from './database.js';
import { profileTable, qualityOf, type RelationColumn } from './profile/index.js';
import { comparison } from './read-labels.js';
import { identifier } from './sql.js';
import { stage, type StagedColumn } from './staging.js';

export interface ReferenceRequest extends Answering {
  /** Local Parquet or JSON-lines files: rows with the features, the answers and the label. */
  files: string[];
  features: Feature[];
  labelColumn: string;
  /** Answers by their names in the prediction log, and the columns of the files that hold them. */
  outputs: { name: string; column: string }[];
  /** Columns by whose values quality is counted apart. */
  slices: string[];
}

/**
 * Profiles the rows that a champion is accepted on, and how good its answers were. Equal rows give an equal profile, whatever their
 * order.
 * @throws SeawallError BadData when a file cannot be read, or when no row has an answer and a label
 */
export function buildReference(options: DatabaseOptions, request: ReferenceRequest): Promise<ReferenceProfile> {
  return withDatabase(options, async (db) => {
    const staged = await stageRows(db, request);
    const columns = await profileTable(db, 'rows', staged.profiled);
    const { quality, slices } = await qualityOf(db, `(${staged.named})`, {
      ...comparison(request),
      slices: slicesOf(columns, staged.profiled, request.slices),
    });
    const { rows } = columns[0]!;
    if (quality.rows === 0) {
      throw new SeawallError(
        'BadData',
        `A reference profile needs rows with an answer and a label, but none of ${rows} rows has both.`,
        'Look at the holdout: it is empty, or the model answers with something that is not what its task says.',
      );
    }
    const profile = { kind: 'profile' as const, schema: 1 as const, rows, columns, quality, slices };
    return { kind: 'reference-profile', schema: 2, labelColumn: request.labelColumn, profile };
  });
}

/** Table `rows`. `named`: its answers under their names in the log, the label, and all staged columns. */
async function stageRows(
  db: Database,
  request: ReferenceRequest,
): Promise<{ profiled: RelationColumn[]; named: string }> {
  const { features, outputs, labelColumn, task } = request;
  const isText = task === 'multiclass';
  const answers = outputsOf(request).flatMap(({ name }, i) => {
    const column = outputs.find((output) => output.name === name)?.column;
    const kind: StagedColumn['kind'] = isText && i === 0 ? 'text' : 'number';
    return column === undefined ? [] : [{ alias: `answer_${i}`, name: column, kind, log: name }];
  });
  const label: StagedColumn = { alias: 'label', name: labelColumn, kind: isText ? 'text' : 'number' };
  const inputs = features.map(({ name, type }, i): StagedColumn => ({ alias: `feature_${i}`, name, kind: type }));
  const files = request.files.map((path) => ({ path, name: basename(path) }));
  const unreadable = await stage(db, 'rows', files, [...inputs, ...answers, label]);
  const first = unreadable[0];
  if (first) {
    throw new SeawallError(
      'BadData',
      `${first.file} cannot be read: ${first.lines === null ? '' : `${first.lines} lines are `}${first.problem}`,
      'A reference profile must see all rows of the holdout: make the files whole and commit them again.',
    );
  }
  const relation = ({ alias, kind, name }: StagedColumn, as = name): RelationColumn => ({
    name: as,
    kind: kind === 'string' || kind === 'text' ? 'categorical' : 'numeric',
    value: alias,
    ...(alias.startsWith('feature_') ? { state: `${alias}_state` } : {}),
  });
  const missing = outputsOf(request).filter(({ name }) => !answers.some(({ log }) => log === name));
  const renamed = [
    ...answers.map(({ alias, log }) => `${alias} AS ${identifier(log)}`),
    // Scores alone say what a binary model predicts.
    ...missing.map(({ name }) => `NULL AS ${identifier(name)}`),
  ];
  return {
    profiled: [...inputs.map((one) => relation(one)), ...answers.map((one) => relation(one, one.log)), relation(label)],
    named: `SELECT *, ${renamed.join(', ')} FROM rows`,
  };
}

function slicesOf(columns: ProfiledColumn[], staged: RelationColumn[], names: string[]) {
  return sliceSpecs(columns, names).map((spec) => ({
    ...spec,
    value: staged.find(({ name }) => name === spec.name)!.value,
  }));
}
