/** What people know of a model's data, as YAML: written by `seawall schema infer`, edited, and named in the model's file. */
import { LineCounter, parseDocument, stringify } from 'yaml';
import { z } from 'zod';
import { SeawallError, type TableSchema } from '../contracts/index.js';
import { problemAtOffset, problemsOf, type SchemaNode } from './model-config-problems.js';
import { tableSchema } from './model-config-schema.js';

/** @throws SeawallError `BadInput`: one line per problem, `file:line:column: path: what is wrong and what is allowed` */
export function parseTableSchema(text: string, file: string): TableSchema {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const value: unknown = document.errors.length === 0 ? document.toJS() : undefined;
  const schema = z.toJSONSchema(tableSchema, { io: 'input' }) as SchemaNode;
  const parsed = tableSchema.safeParse(value);
  if (parsed.success && document.errors.length === 0) return parsed.data;
  const problems = [
    ...document.errors.map(({ pos, message }) => problemAtOffset(file, lines, pos[0], message)),
    ...(document.errors.length === 0 ? (parsed.error?.issues ?? []) : []).flatMap((issue) =>
      problemsOf(issue, { file, document, lines, schema, value }),
    ),
  ];
  const told = problems.map(({ line, column, path, text: what }) =>
    [`${file}:${line}:${column}`, path, what].filter(Boolean).join(': '),
  );
  throw new SeawallError(
    'BadInput',
    told.join('\n'),
    'Correct the file; `seawall schema infer` shows one that is right.',
  );
}

/** @param from where it was inferred from, for whoever reads the file */
export function tableSchemaYaml(schema: TableSchema, from: string): string {
  const head = [
    `Inferred from ${from}. Edit it, and name it in the model's file: monitor: { schemaFile: FILE }.`,
    'A rule with a severity (off, warn, block) is kept row by row; without one the shares of monitor count.',
  ];
  return `${head.map((line) => `# ${line}\n`).join('')}${stringify(schema, { lineWidth: 120 })}`;
}
