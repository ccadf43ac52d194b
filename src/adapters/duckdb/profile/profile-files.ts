import {
  type ProfiledColumn,
  type Quality,
  type QualityRoles,
  type QualitySlice,
  SeawallError,
  type Sketch,
  type TableProfile,
} from '../../../contracts/index.js';
import type { LogFile } from '../../../activities/monitor.js';
import {
  type AskedRoles,
  CategoricalBuilder,
  columnOf,
  concludeRoles,
  mergeProfiles,
  mergeQuality,
  NumericBuilder,
} from '../../../domain/profiles/index.js';
import { type Database, type DatabaseOptions, withDatabase } from '../database.js';
import type { Unreadable } from '../staging.js';
import { type BooleanSpelling, respell } from './boolean-spelling.js';
import { asKind, kindOf } from './found-column.js';
import { profileTable } from './profile-table.js';
import { qualityOf } from './quality.js';
import { qualityRequest, sliceOf } from './quality-columns.js';
import { findSources, firstLine, separately, type Source } from './sources.js';

export interface FilesRequest {
  /** Parquet, JSON lines and CSV, mixed as they come. */
  files: readonly LogFile[];
  /**
   * The columns, or those of an earlier profile with its spelling of booleans; left out: all that are found, by what most of their
   * values are.
   */
  columns?: readonly { name: string; kind: Sketch['kind']; booleans?: BooleanSpelling | undefined }[];
  /** What to judge quality by: as a person says it, or as another profile was judged. */
  roles?: AskedRoles | QualityRoles;
  /** Columns whose parts are judged each for itself. */
  slices?: readonly string[];
  /** Slices of an earlier profile, to have the same. */
  sameSlices?: readonly QualitySlice[];
  /** What is going on, for a person who waits; called often. */
  onProgress?: (doing: () => string) => void;
}

export interface FilesProfile {
  profile: TableProfile;
  /** Files and lines whose rows are not in it. */
  unreadable: Unreadable[];
  /** Columns in which nothing can be counted, with their type. */
  skipped: { column: string; type: string }[];
  /** Columns of the files that were not asked for. */
  extra: string[];
  /** What was concluded or should be known, for a person to read. */
  notes: string[];
}

/**
 * Profiles files. What cannot be read is counted and named; the rest is profiled.
 * @throws SeawallError BadData when no file can be read, BadInput when a column of `roles` or `slices` is not there
 */
export function profileFiles(options: DatabaseOptions, request: FilesRequest): Promise<FilesProfile> {
  return withDatabase(options, async (db) => {
    const { sources, unreadable, notes } = await findSources(db, request.files);
    const columns = request.columns ?? foundColumns(sources);
    for (const { name, booleans } of request.columns ?? []) if (booleans) respell(sources, name, booleans);
    const read = await readSources(db, sources, columns, unreadable, request.onProgress);
    if (read.length === 0) throw nothingReadable(unreadable);
    const table = read.map(({ table: one }) => one).reduce(mergeProfiles);
    const judged = request.roles && (await judge(db, table, read, request));
    return {
      profile: { ...table, ...judged?.quality },
      unreadable,
      skipped: nestedColumns(sources),
      extra: namesOf(sources).filter((name) => !columns.some((column) => column.name === name)),
      notes: [...notes, ...(judged?.assumed ?? [])],
    };
  });
}

interface Read {
  source: Source;
  table: TableProfile;
}

/** Where a source of several files breaks, one broken file must not hide the others. */
async function readSources(
  db: Database,
  sources: readonly Source[],
  columns: NonNullable<FilesRequest['columns']>,
  unreadable: Unreadable[],
  onProgress: FilesRequest['onProgress'],
): Promise<Read[]> {
  const read: Read[] = [];
  for (const source of sources) {
    const onRows = (rows: number) =>
      onProgress?.(
        () => `${rows.toLocaleString('en')} of ${source.rows.toLocaleString('en')} rows of ${namesIn(source)}`,
      );
    try {
      read.push({ source, table: await readSource(db, source, columns, onRows) });
    } catch (error) {
      if (source.files.length > 1)
        read.push(...(await readSources(db, separately(source), columns, unreadable, undefined)));
      else unreadable.push({ file: source.files[0]!.name, lines: null, problem: firstLine(error) });
    }
  }
  return read;
}

async function readSource(
  db: Database,
  source: Source,
  columns: NonNullable<FilesRequest['columns']>,
  onRows: (rows: number) => void,
): Promise<TableProfile> {
  const there = columns.filter(({ name }) => source.columns.has(name));
  const relation = there.map(({ name, kind }) => asKind(name, kind, source.columns.get(name)!));
  const profiled = new Map(
    (await profileTable(db, source.relation, relation, onRows)).map((column) => [column.name, column]),
  );
  const rows = [...profiled.values()][0]?.rows ?? source.rows;
  const all = columns.map((column): ProfiledColumn => profiled.get(column.name) ?? missingColumn(column, rows));
  return { kind: 'profile', schema: 1, rows, columns: all, quality: null, slices: [] };
}

function missingColumn({ name, kind }: { name: string; kind: Sketch['kind'] }, rows: number): ProfiledColumn {
  const sketch: Sketch = kind === 'numeric' ? new NumericBuilder().sketch() : new CategoricalBuilder().sketch();
  return { name, rows, nulls: 0, missing: rows, wrong: [], sketch };
}

async function judge(
  db: Database,
  table: TableProfile,
  read: readonly Read[],
  request: FilesRequest,
): Promise<{ quality: Pick<TableProfile, 'quality' | 'roles' | 'slices'>; assumed: string[] } | undefined> {
  const { roles, assumed } =
    'classes' in request.roles! ? known(table, request.roles) : concludeRoles(table, request.roles!);
  if (!roles) return { quality: { quality: null, slices: [] }, assumed };
  const slices = (request.slices ?? []).map((name) => sliceOf(columnOf(table, name, 'slice'), request.sameSlices));
  let whole: { quality: Quality; slices: QualitySlice[] } | undefined;
  for (const { source } of read) {
    request.onProgress?.(() => `quality of ${namesIn(source)}`);
    const part = await qualityOf(db, source.relation, qualityRequest(source, roles, slices));
    whole = whole
      ? {
          quality: mergeQuality(whole.quality, part.quality),
          slices: whole.slices.map((slice, i) => ({
            ...slice,
            quality: mergeQuality(slice.quality, part.slices[i]!.quality),
          })),
        }
      : part;
  }
  return { quality: { ...whole!, roles }, assumed };
}

function known(table: TableProfile, roles: QualityRoles): { roles: QualityRoles; assumed: string[] } {
  columnOf(table, roles.label, 'label');
  return { roles, assumed: [] };
}

const namesIn = ({ files }: Source): string =>
  files.length > 3 ? `${files.length} files` : files.map(({ name }) => name).join(', ');

const namesOf = (sources: readonly Source[]): string[] => [
  ...new Set(sources.flatMap(({ columns }) => [...columns.keys()])),
];

const found = (sources: readonly Source[], name: string) => sources.flatMap(({ columns }) => columns.get(name) ?? []);

function foundColumns(sources: readonly Source[]): { name: string; kind: Sketch['kind'] }[] {
  return namesOf(sources).flatMap((name) => {
    const kind = kindOf(found(sources, name));
    return kind ? [{ name, kind }] : [];
  });
}

function nestedColumns(sources: readonly Source[]): FilesProfile['skipped'] {
  return namesOf(sources).flatMap((column) => {
    const columns = found(sources, column);
    return kindOf(columns) ? [] : [{ column, type: columns[0]!.nested! }];
  });
}

function nothingReadable(unreadable: readonly Unreadable[]): SeawallError {
  const [first] = unreadable;
  return new SeawallError(
    'BadData',
    first
      ? `none of the files can be read; the first is ${first.file}: ${first.problem}`
      : 'there are no files to be read',
    'Look at the files: they may be cut off, or of another format than their names say.',
  );
}
