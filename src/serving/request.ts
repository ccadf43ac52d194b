import { randomUUID } from 'node:crypto';
import { predictionColumns, requestColumns } from '../contracts/index.js';
import type { Columns, Model, NamedType } from '../adapters/onnx/session.js';
import { badRequest } from './problem.js';
import { columnOf, rawTensor, texts, wrongValue } from './tensors.js';
import type { RawTensor } from './tensors.js';

export interface InferRequest {
  id: string | undefined;
  rows: number;
  columns: Columns;
  predictionIds: string[];
  /** The caller sent no prediction ids: ours are part of the answer. */
  idsGenerated: boolean;
  /** ISO 8601 UTC with milliseconds. */
  eventTimes: string[];
  /** null: none sent. */
  routingKeys: string[] | null;
  /** Names of the outputs that the caller wants; null: all. */
  wanted: string[] | null;
}

const MAX_ID_LENGTH = 256;
/** A date and time with a zone; without a zone it would mean the server's own. */
const EVENT_TIME = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?(Z|[+-]\d{2}:\d{2})$/;

/** Reads the body of an inference request for a model with these inputs and outputs. Throws 400, naming what is wrong. */
export function parseInfer(
  body: unknown,
  { inputs, outputs: given }: Pick<Model, 'inputs' | 'outputs'>,
  now: () => Date,
): InferRequest {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) {
    throw badRequest('the body must be one JSON object {"inputs": [{"name", "shape", "datatype", "data"}, …]}');
  }
  const { id, inputs: sent, outputs } = body as Record<string, unknown>;
  if (id !== undefined && typeof id !== 'string') throw badRequest('id must be a text');
  if (!Array.isArray(sent) || sent.length === 0) throw badRequest('inputs is missing or empty');
  const tensors = byName(sent, inputs);
  const rows = commonRows(tensors);
  const columns: Columns = {};
  for (const { name, type } of inputs) columns[name] = columnOf(tensors.get(name) as RawTensor, type);
  const ids = tensors.get(predictionColumns.id);
  const routing = tensors.get(predictionColumns.routingKey);
  return {
    id,
    rows,
    columns,
    predictionIds: ids ? checkedIds(ids) : Array.from({ length: rows }, () => randomUUID()),
    idsGenerated: !ids,
    eventTimes: eventTimes(tensors.get(predictionColumns.eventTime), rows, now),
    routingKeys: routing ? bytesOf(routing) : null,
    wanted: wantedOutputs(outputs, given),
  };
}

function byName(sent: readonly unknown[], inputs: readonly NamedType[]): Map<string, RawTensor> {
  const known = new Set<string>([...inputs.map((input) => input.name), ...requestColumns]);
  const tensors = new Map<string, RawTensor>();
  sent.forEach((value, index) => {
    const tensor = rawTensor(value, index);
    if (!known.has(tensor.name)) {
      throw badRequest(`input "${tensor.name}" is unknown; the model takes ${inputs.map((i) => i.name).join(', ')}`);
    }
    if (tensors.has(tensor.name)) throw badRequest(`input "${tensor.name}" is there twice`);
    tensors.set(tensor.name, tensor);
  });
  const missing = inputs.filter(({ name }) => !tensors.has(name)).map(({ name }) => `"${name}"`);
  if (missing.length > 0) throw badRequest(`input ${missing.join(', ')} is missing`);
  return tensors;
}

function commonRows(tensors: ReadonlyMap<string, RawTensor>): number {
  const [first, ...others] = [...tensors.values()] as [RawTensor, ...RawTensor[]];
  for (const other of others) {
    if (other.rows !== first.rows) {
      throw badRequest(`input "${other.name}" has ${other.rows} rows, but input "${first.name}" has ${first.rows}`);
    }
  }
  return first.rows;
}

function bytesOf(tensor: RawTensor): string[] {
  if (tensor.datatype !== 'BYTES') {
    throw badRequest(`input "${tensor.name}" has the datatype ${tensor.datatype}; it must be BYTES`);
  }
  return texts(tensor);
}

function checkedIds(tensor: RawTensor): string[] {
  const ids = bytesOf(tensor);
  for (let i = 0; i < ids.length; i++) {
    const { length } = ids[i] as string;
    if (length === 0 || length > MAX_ID_LENGTH) {
      throw wrongValue(tensor.name, i, ids[i], `1 to ${MAX_ID_LENGTH} characters`);
    }
  }
  return ids;
}

function eventTimes(tensor: RawTensor | undefined, rows: number, now: () => Date): string[] {
  if (!tensor) return new Array<string>(rows).fill(now().toISOString());
  const sent = bytesOf(tensor);
  const times = new Array<string>(rows);
  for (let i = 0; i < rows; i++) {
    const text = sent[i] as string;
    // Batches repeat times: the flights of a minute, the rows of one event.
    const iso = i > 0 && text === sent[i - 1] ? (times[i - 1] as string) : normalTime(text);
    if (iso === undefined) {
      throw wrongValue(tensor.name, i, text, 'a time in ISO 8601 with a zone, such as 2001-02-05T08:30:00Z');
    }
    times[i] = iso;
  }
  return times;
}

/** ISO 8601 UTC; undefined for what is no time (also 31 February, which `Date.parse` takes for March). */
export function normalTime(text: string): string | undefined {
  if (!EVENT_TIME.test(text)) return undefined;
  const ms = Date.parse(text);
  if (Number.isNaN(ms) || ms < 0) return undefined;
  const day = text.slice(0, 10);
  const dayMs = Date.parse(`${day}T00:00:00Z`);
  if (Number.isNaN(dayMs) || !new Date(dayMs).toISOString().startsWith(day)) return undefined;
  return new Date(ms).toISOString();
}

function wantedOutputs(outputs: unknown, given: readonly NamedType[]): string[] | null {
  if (outputs === undefined || outputs === null) return null;
  if (!Array.isArray(outputs)) throw badRequest('outputs must be an array of {"name"}');
  if (outputs.length === 0) return null;
  return outputs.map((output: unknown) => {
    const name = (output as { name?: unknown } | null)?.name;
    const known: readonly unknown[] = [...given.map(({ name: output }) => output), predictionColumns.id];
    if (!known.includes(name))
      throw badRequest(`output ${JSON.stringify(name)} is unknown; there are ${known.join(', ')}`);
    return name as string;
  });
}
