/** Answered rows as JSON lines: built by concatenation, column by column, without an object per row. */
import { dayOf, predictionColumns } from '../contracts/index.js';
import type { Arm } from '../contracts/index.js';
import type { LogColumn } from '../adapters/duckdb/json-lines.js';
import type { Column, Columns, NamedType } from '../adapters/onnx/session.js';

export interface LoggedBatch {
  model: string;
  release: number;
  epoch: number;
  arm: Arm;
  inputs: readonly NamedType[];
  /** Of the model, `prediction` first. */
  outputs: readonly NamedType[];
  columns: Columns;
  rows: number;
  predictionIds: readonly string[];
  /** ISO 8601 UTC. */
  eventTimes: readonly string[];
  routingKeys: readonly string[] | null;
  scored: Columns;
}

/** The rows of a batch of one day, as text with a line end after every row. */
export interface DayLines {
  day: string;
  text: string;
  rows: number;
}

const DUCKDB_TYPES = { float32: 'FLOAT', int64: 'BIGINT', string: 'VARCHAR' } as const;

/** The log schema's columns for a model with these inputs and outputs. */
export function logColumns(inputs: readonly NamedType[], outputs: readonly NamedType[]): LogColumn[] {
  return [
    { name: predictionColumns.id, type: 'VARCHAR' },
    { name: predictionColumns.eventTime, type: 'TIMESTAMP' },
    { name: predictionColumns.release, type: 'INTEGER' },
    { name: predictionColumns.epoch, type: 'INTEGER' },
    { name: predictionColumns.arm, type: 'VARCHAR' },
    { name: predictionColumns.routingKey, type: 'VARCHAR' },
    ...[...inputs, ...outputs].map(({ name, type }) => ({ name, type: DUCKDB_TYPES[type] })),
  ];
}

export function dayLines(batch: LoggedBatch): DayLines[] {
  const write = rowWriter(batch);
  const days = new Map<string, DayLines>();
  let current: DayLines | undefined;
  for (let i = 0; i < batch.rows; i++) {
    const day = dayOf(batch.eventTimes[i] as string);
    if (current?.day !== day) {
      current = days.get(day) ?? { day, text: '', rows: 0 };
      days.set(day, current);
    }
    current.text += write(i);
    current.rows++;
  }
  return [...days.values()];
}

function rowWriter(batch: LoggedBatch): (row: number) => string {
  const { predictionIds, eventTimes, routingKeys, scored } = batch;
  const written = [
    ...batch.inputs.map(({ name }) => ({ name, column: batch.columns[name] })),
    ...batch.outputs.map(({ name }) => ({ name, column: scored[name] })),
  ];
  const cells = written.map(({ name, column }) => {
    const cell = cellWriter(column as Column);
    const key = `,${JSON.stringify(name)}:`;
    return (row: number) => key + cell(row);
  });
  const tail = `,"_release":${batch.release},"_epoch":${batch.epoch},"_arm":"${batch.arm}"}\n`;
  return (row) => {
    let line = `{"_prediction_id":${quoted(predictionIds[row] as string)},"_event_time":"${eventTimes[row]}"`;
    if (routingKeys) line += `,"_routing_key":${quoted(routingKeys[row] as string)}`;
    for (const cell of cells) line += cell(row);
    return line + tail;
  };
}

function cellWriter(column: Column): (row: number) => string {
  if (Array.isArray(column)) return (row) => quoted(column[row] as string);
  if (column instanceof BigInt64Array) return (row) => String(column[row]);
  return (row) => {
    const value = column[row] as number;
    return Number.isFinite(value) ? String(value) : 'null';
  };
}

const PLAIN = /^[ !#-[\]-~]*$/;
function quoted(value: string): string {
  if (PLAIN.test(value)) return `"${value}"`;
  // A lone half of a surrogate pair is no UTF-8; one such value must not make a whole segment unreadable.
  return JSON.stringify(Buffer.from(value, 'utf8').toString('utf8'));
}
