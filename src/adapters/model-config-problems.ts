/** Says where in a YAML text a problem is, what is wrong and what is allowed. */
import { isAlias, isMap, isScalar, isSeq, type Document, type LineCounter, type ParsedNode } from 'yaml';
import type { z } from 'zod';
import type { Relation } from './model-config-relations.js';

export interface ConfigProblem {
  file: string;
  /** Both count from 1. */
  line: number;
  column: number;
  /** As `gate.cooldown`; empty: the whole file. */
  path: string;
  /** What is wrong, and what is allowed. */
  text: string;
}

/** The part of JSON Schema that is read here. */
export interface SchemaNode {
  type?: string;
  default?: unknown;
  description?: string;
  enum?: unknown[];
  minimum?: number;
  maximum?: number;
  properties?: Record<string, SchemaNode>;
  propertyNames?: SchemaNode;
  additionalProperties?: boolean | SchemaNode;
  items?: SchemaNode;
}
type Path = readonly PropertyKey[];
type Issue = z.core.$ZodIssue;

export interface Source {
  file: string;
  document: Document.Parsed;
  lines: LineCounter;
  /** Of the file, for what is allowed where. */
  schema: SchemaNode;
  /** The document as plain values. */
  value: unknown;
}

/** One issue can be several problems: every unknown key is one. */
export function problemsOf(issue: Issue, source: Source): ConfigProblem[] {
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => {
      const path = [...issue.path, key];
      return problemAt(source, path, unknownKey(source.schema, issue.path, key), 'key');
    });
  }
  if (issue.code === 'invalid_key') {
    const rule = schemaAt(source.schema, issue.path.slice(0, -1))?.propertyNames?.description ?? 'another name';
    return [problemAt(source, issue.path, `this name is not allowed: ${rule}`, 'key')];
  }
  return [problemAt(source, issue.path, notAllowed(issue.path, source), 'value')];
}

/** A problem between fields. */
export function problemOfRelation({ path, text }: Relation, source: Source): ConfigProblem {
  return problemAt(source, path, text, 'key');
}

/** The value with the schema's defaults where it says nothing; what is wrong in it stays as it is. */
export function withDefaults(value: unknown, schema: SchemaNode): unknown {
  if (!schema.properties || typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  const fields: Record<string, unknown> = { ...value };
  for (const [field, node] of Object.entries(schema.properties)) {
    const filled = withDefaults(fields[field] === undefined ? node.default : fields[field], node);
    if (filled !== undefined) fields[field] = filled;
  }
  return fields;
}

/** A problem at an offset of the text, as the YAML parser reports them. */
export function problemAtOffset(file: string, lines: LineCounter, offset: number, text: string): ConfigProblem {
  const { line, col } = lines.linePos(offset);
  return { file, line: Math.max(1, line), column: Math.max(1, col), path: '', text };
}

function problemAt(source: Source, path: Path, text: string, place: 'key' | 'value'): ConfigProblem {
  const found = locate(source.document, path);
  const offset = place === 'key' ? found.key : found.value;
  return { ...problemAtOffset(source.file, source.lines, offset, text), path: dotted(path) };
}

function notAllowed(path: Path, source: Source): string {
  const value = valueAt(source.value, path);
  const rule = allowed(source.schema, path);
  if (value === undefined) return `is missing: ${rule}`;
  if (value === null) return `is empty: ${rule}`;
  return `${shown(value)} is not allowed: ${rule}`;
}

/** In the words of the nearest part of the schema that has any. */
function allowed(schema: SchemaNode, path: Path): string {
  for (let length = path.length; length >= 0; length--) {
    const node = schemaAt(schema, path.slice(0, length));
    const rule = node && ruleOf(node);
    if (rule) return rule;
  }
  return 'another value';
}

function ruleOf(node: SchemaNode): string | undefined {
  if (node.description) return node.description;
  if (node.enum) return `${node.enum.length > 1 ? 'one of ' : ''}${node.enum.join(', ')}`;
  if (node.type === 'number' || node.type === 'integer') {
    const kind = node.type === 'number' ? 'a number' : 'a whole number';
    return node.maximum === undefined ? kind : `${kind} from ${node.minimum} to ${node.maximum}`;
  }
  if (node.properties) return `a mapping with ${Object.keys(node.properties).join(', ')}`;
  const values = node.additionalProperties;
  if (node.type === 'object' && typeof values === 'object')
    return `a mapping of names to ${ruleOf(values) ?? 'values'}`;
  return undefined;
}

function unknownKey(schema: SchemaNode, path: Path, key: string): string {
  const known = Object.keys(schemaAt(schema, path)?.properties ?? {});
  const near = nearest(key, known);
  if (near !== undefined) return `is unknown; did you mean "${near}"?`;
  const home = homeOf(schema, key);
  const list = `known here: ${known.join(', ')}`;
  return home === undefined ? `is unknown; ${list}` : `is unknown here; it belongs below ${home} (${list})`;
}

/** The section that has a field of this name, when it is somewhere else. */
function homeOf(schema: SchemaNode, key: string, path = ''): string | undefined {
  for (const [field, node] of Object.entries(schema.properties ?? {})) {
    const below = path === '' ? field : `${path}.${field}`;
    if (node.properties && key in node.properties) return below;
    const deeper = homeOf(node, key, below);
    if (deeper !== undefined) return deeper;
  }
  return undefined;
}

function nearest(word: string, known: readonly string[]): string | undefined {
  const plain = (text: string) => text.toLowerCase().replace(/[_-]/g, '');
  const ranked = known
    .map((candidate) => ({ candidate, distance: editDistance(plain(word), plain(candidate)) }))
    .sort((a, b) => a.distance - b.distance);
  const best = ranked[0];
  return best && best.distance <= Math.max(1, Math.floor(best.candidate.length / 3)) ? best.candidate : undefined;
}

/** Insertions, deletions and substitutions (Levenshtein 1966). */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const change = (row[j - 1] as number) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(change, (row[j] as number) + 1, (next[j - 1] as number) + 1));
    }
    row = next;
  }
  return row[b.length] as number;
}

/** Offsets of the field's name and of its value; of the nearest thing around it when it is not there. */
function locate(document: Document.Parsed, path: Path): { key: number; value: number } {
  let node: ParsedNode | null = document.contents;
  const start = node?.range[0] ?? 0;
  let found = { key: start, value: start };
  for (const field of path) {
    if (isAlias(node)) node = node.resolve(document) as ParsedNode | null;
    if (isMap(node)) {
      const pair: { key: ParsedNode; value: ParsedNode | null } | undefined = node.items.findLast(
        ({ key }) => isScalar(key) && String(key.value) === String(field),
      );
      if (!pair) return { key: found.key, value: found.key };
      // A value that is empty has no place of its own.
      const empty = pair.value === null || (isScalar(pair.value) && pair.value.value === null);
      const key = pair.key.range[0];
      found = { key, value: empty ? key : (pair.value as ParsedNode).range[0] };
      node = pair.value;
    } else if (isSeq(node) && node.items[Number(field)]) {
      node = node.items[Number(field)] as ParsedNode;
      found = { key: node.range[0], value: node.range[0] };
    } else {
      return found;
    }
  }
  return found;
}

function schemaAt(schema: SchemaNode, path: Path): SchemaNode | undefined {
  let node: SchemaNode | undefined = schema;
  for (const field of path) {
    const others: boolean | SchemaNode | undefined = node?.additionalProperties;
    const named: SchemaNode | undefined = node?.properties?.[String(field)] ?? node?.items;
    node = named ?? (typeof others === 'object' ? others : undefined);
  }
  return node;
}

function valueAt(value: unknown, path: Path): unknown {
  let current = value;
  for (const field of path) {
    if (typeof current !== 'object' || current === null || !Object.hasOwn(current, field)) return undefined;
    current = (current as Record<PropertyKey, unknown>)[field];
  }
  return current;
}

export const dotted = (path: Path): string => path.map(String).join('.');

function shown(value: unknown): string {
  if (Array.isArray(value)) return value.length === 0 ? 'an empty list' : 'a list';
  if (typeof value === 'object') return 'a mapping';
  const text = typeof value === 'string' ? JSON.stringify(value) : String(value);
  return text.length > 60 ? `${text.slice(0, 60)}…` : text;
}
