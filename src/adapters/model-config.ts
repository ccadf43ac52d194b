/** A model's configuration: read from YAML with every problem in its place, or from storage. */
import { LineCounter, parseDocument } from 'yaml';
import { z } from 'zod';
import { type ModelConfig, SeawallError, type TableSchema } from '../contracts/index.js';
import {
  type ConfigProblem,
  dotted,
  problemAtOffset,
  problemOfRelation,
  problemsOf,
  type SchemaNode,
  withDefaults,
} from './model-config-problems.js';
import { brokenRelations } from './model-config-relations.js';
import { configOf, type ConfigFile, fileSchema, storedSchema } from './model-config-schema.js';
import { parseTableSchema } from './table-schema.js';

type MonitorFile = ConfigFile['monitor'];

export type { ConfigProblem } from './model-config-problems.js';

/**
 * The configuration that a YAML text holds, with every default filled in.
 * @param fileName for messages only
 * @throws SeawallError `BadInput`: its message has one line per problem, `file:line:column: path: what is wrong and what is allowed`
 */
export function parseModelConfig(text: string, fileName: string, readFile?: ReadFile): ModelConfig {
  const checked = checkModelConfig(text, fileName, readFile);
  if (checked.ok) return checked.config;
  const { problems } = checked;
  const lines = problems.map(({ file, line, column, path, text: what }) =>
    [`${file}:${line}:${column}`, path, what].filter(Boolean).join(': '),
  );
  const head = lines.length === 1 ? '' : `${fileName} has ${lines.length} problems:\n`;
  throw new SeawallError(
    'BadInput',
    `${head}${lines.join('\n')}`,
    'Correct the file; `seawall model schema` prints what is allowed, as JSON Schema for editors.',
  );
}

/** Like `parseModelConfig`, with the problems as data, in the order of the file. */
export function checkModelConfig(
  text: string,
  fileName: string,
  readFile?: ReadFile,
): { ok: true; config: ModelConfig } | { ok: false; problems: ConfigProblem[] } {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const syntax = [...document.errors, ...document.warnings];
  const problems = syntax.map(({ pos, message }) => problemAtOffset(fileName, lines, pos[0], message));
  // After any other syntax error it is anybody's guess what the rest means.
  if (syntax.some(({ code }) => code !== 'DUPLICATE_KEY')) return { ok: false, problems };
  let value: unknown;
  try {
    value = document.toJS();
  } catch (error) {
    return { ok: false, problems: [problemAtOffset(fileName, lines, 0, (error as Error).message)] };
  }
  const schema = modelConfigJsonSchema() as SchemaNode;
  const source = { file: fileName, document, lines, schema, value };
  const result = fileSchema.safeParse(value);
  for (const issue of result.error?.issues ?? []) problems.push(...problemsOf(issue, source));
  for (const relation of brokenRelations(withDefaults(value, schema)))
    problems.push(problemOfRelation(relation, source));
  return result.success && problems.length === 0
    ? { ok: true, config: configOf(result.data, schemaOf(result.data.monitor, readFile)) }
    : { ok: false, problems: inOrder(problems) };
}

/** What a file names, by its path as it stands there. */
type ReadFile = (path: string) => string;

/** The schema of the file that is named; what stands in the model's file itself goes before it, column by column. */
function schemaOf({ schema, schemaFile }: MonitorFile, readFile: ReadFile | undefined): TableSchema {
  if (schemaFile === undefined) return schema ?? { columns: {}, extra: 'off' };
  if (!readFile)
    throw new SeawallError(
      'BadInput',
      `monitor.schemaFile names ${schemaFile}, and only \`seawall model apply\` reads it`,
      'Put the schema into the file itself, as monitor.schema.',
    );
  const named = parseTableSchema(readFile(schemaFile), schemaFile);
  return schema ? { ...schema, columns: { ...named.columns, ...schema.columns } } : named;
}

/** JSON Schema (draft 2020-12) of the YAML file, for editors. */
export function modelConfigJsonSchema(): Record<string, unknown> {
  return {
    ...z.toJSONSchema(fileSchema, { io: 'input' }),
    title: 'Seawall model',
  };
}

/**
 * A configuration as revisions hold it.
 * @throws SeawallError `BadInput`: something else wrote it, or another version of Seawall
 */
export function validateConfig(json: unknown): ModelConfig {
  const result = storedSchema.safeParse(json);
  if (result.success) return result.data;
  const problems = result.error.issues.map(({ path, message }) => `${dotted(path) || 'all of it'}: ${message}`);
  throw new SeawallError(
    'BadInput',
    `the stored configuration is not valid: ${problems.join('; ')}`,
    'Apply the model’s file again with this version of Seawall: seawall model apply FILE',
  );
}

/** By place; of several problems with one field only the first. */
function inOrder(problems: ConfigProblem[]): ConfigProblem[] {
  const seen = new Set<string>();
  return problems
    .filter(({ path, line, column }) => {
      const id = path === '' ? `${line}:${column}` : path;
      return seen.has(id) ? false : seen.add(id) !== undefined;
    })
    .sort((a, b) => a.line - b.line || a.column - b.column);
}
