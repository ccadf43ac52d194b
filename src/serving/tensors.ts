/**
 * Tensors of the Open Inference Protocol v2 as columns. Works column by column: at thousands of rows per request an object per
 * row would cost more than the model.
 */
import type { FeatureType } from '../contracts/index.js';
import type { Column } from '../adapters/onnx/session.js';
import { badRequest } from './problem.js';

export interface RawTensor {
  name: string;
  rows: number;
  datatype: string;
  /** Flat, `rows` long. */
  data: readonly unknown[];
}

/** What a feature of a type may be sent as; the first is what metadata announces. */
export const DATATYPES: Readonly<Record<FeatureType, readonly string[]>> = {
  float32: ['FP32', 'FP64'],
  int64: ['INT64', 'INT32'],
  string: ['BYTES'],
};

/** Reads one element of `inputs`: a column, so its shape is [N] or [N, 1]. Throws 400. */
export function rawTensor(value: unknown, index: number): RawTensor {
  const fields = (typeof value === 'object' && value !== null ? value : {}) as Record<string, unknown>;
  const { name, shape, datatype, data } = fields;
  if (typeof name !== 'string' || name === '') throw badRequest(`inputs[${index}] has no name`);
  if (typeof datatype !== 'string') throw badRequest(`input "${name}" has no datatype`);
  if (!Array.isArray(data)) {
    throw badRequest(`input "${name}" has no data: a JSON array is needed (binary tensors are not supported)`);
  }
  const rows = rowsOf(name, shape);
  const flat = Array.isArray(data[0]) ? (data.flat() as unknown[]) : (data as unknown[]);
  if (flat.length !== rows) {
    throw badRequest(`input "${name}" has ${flat.length} values, but its shape ${JSON.stringify(shape)} says ${rows}`);
  }
  return { name, rows, datatype, data: flat };
}

function rowsOf(name: string, shape: unknown): number {
  const dims = Array.isArray(shape) ? (shape as unknown[]) : [];
  const [rows, width] = dims;
  const isColumn = dims.length === 1 || (dims.length === 2 && width === 1);
  if (!isColumn || !Number.isSafeInteger(rows) || (rows as number) < 1) {
    throw badRequest(
      `input "${name}" has the shape ${JSON.stringify(shape) ?? 'none'}; it must be [N, 1] or [N], with N at least 1`,
    );
  }
  return rows as number;
}

/** The values as the model takes them. Throws 400 and names the tensor, and the row that is wrong. */
export function columnOf(tensor: RawTensor, type: FeatureType): Column {
  const accepted = DATATYPES[type];
  if (!accepted.includes(tensor.datatype)) {
    throw badRequest(
      `input "${tensor.name}" has the datatype ${tensor.datatype}; the model takes ${accepted.join(' or ')}`,
    );
  }
  if (type === 'float32') return floats(tensor);
  return type === 'int64' ? integers(tensor) : texts(tensor);
}

/** null is a missing value (JSON has no NaN). */
function floats({ name, data }: RawTensor): Float32Array {
  const column = new Float32Array(data.length);
  for (let i = 0; i < data.length; i++) {
    const value = data[i];
    if (typeof value === 'number') column[i] = value;
    else if (value === null) column[i] = NaN;
    else throw wrongValue(name, i, value, 'a number, or null for a missing one');
  }
  return column;
}

function integers({ name, data, datatype }: RawTensor): BigInt64Array {
  const column = new BigInt64Array(data.length);
  // Writing the two halves is several times faster than a BigInt per value.
  const halves = new Int32Array(column.buffer);
  const narrow = datatype === 'INT32';
  for (let i = 0; i < data.length; i++) {
    const value = data[i];
    if (!Number.isSafeInteger(value)) throw wrongValue(name, i, value, 'a whole number of at most 53 bits');
    const low = (value as number) | 0;
    if (low === value) {
      halves[2 * i] = low;
      halves[2 * i + 1] = low < 0 ? -1 : 0;
    } else if (narrow) throw wrongValue(name, i, value, 'a whole number of 32 bits');
    else column[i] = BigInt(value as number);
  }
  return column;
}

/** The column of texts itself: not copied. */
export function texts({ name, data }: RawTensor): string[] {
  for (let i = 0; i < data.length; i++) {
    if (typeof data[i] !== 'string') throw wrongValue(name, i, data[i], 'a text');
  }
  return data as string[];
}

export function wrongValue(name: string, row: number, value: unknown, expected: string): Error {
  const shown = JSON.stringify(value) ?? 'nothing';
  const short = shown.length > 60 ? `${shown.slice(0, 60)}…` : shown;
  return badRequest(`input "${name}" has ${short} in row ${row}; expected ${expected}`);
}
