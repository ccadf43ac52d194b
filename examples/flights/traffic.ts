/** A week of flights, sent to the serving endpoint as any client would: the Open Inference Protocol v2 over HTTP. */
import { setTimeout as delay } from 'node:timers/promises';
import { DuckDBInstance } from '@duckdb/node-api';
import { SeawallError } from '../../src/contracts/index.js';

const BATCH_ROWS = 2_000;
const IN_FLIGHT = 3;
const TRIES = 10;
const ANSWER_WITHIN_MS = 30_000;

export interface Serving {
  /** As `http://127.0.0.1:8080`. */
  url: string;
  model: string;
  signal: AbortSignal;
}

/**
 * Sends every flight of a Parquet file, in batches, and returns how many were answered. A batch that fails is sent again with
 * the same prediction ids, so that the log counts it once. Throws SeawallError when the server refuses, or stays silent.
 */
export async function sendFlights(serving: Serving, file: string, onSent: (rows: number) => void): Promise<number> {
  const batches = await readBatches(file);
  let sent = 0;
  const work = async (): Promise<void> => {
    for (let batch = batches.shift(); batch; batch = batches.shift()) {
      await sendBatch(serving, batch);
      sent += batch.rows;
      onSent(sent);
    }
  };
  try {
    await Promise.all(Array.from({ length: IN_FLIGHT }, work));
  } finally {
    batches.length = 0; // after a failure the others stop too
  }
  return sent;
}

/** Brings what serving logged so far into object storage: without it the log follows within seconds. */
export async function flushLog({ url, signal }: Serving): Promise<void> {
  await answered(signal, 'flush the prediction log', () =>
    fetch(`${url}/seawall/log/flush`, { method: 'POST', signal: limited(signal) }),
  );
}

/** The release that answers now; null while there is none. */
export async function servedRelease({ url, model, signal }: Serving): Promise<number | null> {
  try {
    const response = await fetch(`${url}/v2/models/${model}`, { signal: limited(signal) });
    if (!response.ok) return null;
    const { versions } = (await response.json()) as { versions?: string[] };
    return Number(versions?.[0]) || null;
  } catch {
    signal.throwIfAborted();
    return null;
  }
}

interface Batch {
  rows: number;
  body: string;
}

/** The request bodies of a file. DuckDB writes the JSON: columns are never taken apart into rows here. */
async function readBatches(file: string): Promise<Batch[]> {
  const database = await DuckDBInstance.create(':memory:', { threads: '1' });
  const connection = await database.connect();
  try {
    const column = (expression: string) => `to_json(list(${expression} ORDER BY file_row_number))`;
    const found = await connection.runAndReadAll(`
      SELECT count(*)::INTEGER,
             ${column("'f' || flight_id")}, ${column("strftime(event_time, '%Y-%m-%dT%H:%M:%SZ')")},
             ${column('hour')}, ${column('weekday')}, ${column('distance')}, ${column('origin')}, ${column('destination')}
      FROM read_parquet('${file.replaceAll("'", "''")}', file_row_number = true, hive_partitioning = false)
      GROUP BY file_row_number // ${BATCH_ROWS} ORDER BY file_row_number // ${BATCH_ROWS}`);
    return found.getRows().map(([rows, ...columns]) => batchOf(Number(rows), columns as string[]));
  } finally {
    connection.closeSync();
    database.closeSync();
  }
}

const TENSORS = [
  ['_prediction_id', 'BYTES'],
  ['_event_time', 'BYTES'],
  ['hour', 'INT64'],
  ['weekday', 'INT64'],
  ['distance', 'FP32'],
  ['origin', 'BYTES'],
  ['destination', 'BYTES'],
] as const;

function batchOf(rows: number, columns: string[]): Batch {
  const inputs = TENSORS.map(
    ([name, datatype], i) => `{"name":"${name}","datatype":"${datatype}","shape":[${rows},1],"data":${columns[i]}}`,
  );
  return { rows, body: `{"inputs":[${inputs.join(',')}],"outputs":[{"name":"prediction"}]}` };
}

async function sendBatch({ url, model, signal }: Serving, { rows, body }: Batch): Promise<void> {
  const response = await answered(signal, `send ${rows} flights`, () =>
    fetch(`${url}/v2/models/${model}/infer`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body,
      signal: limited(signal),
    }),
  );
  const { outputs } = (await response.json()) as { outputs?: { data?: unknown[] }[] };
  const predictions = outputs?.[0]?.data?.length ?? 0;
  if (predictions !== rows) {
    throw new SeawallError(
      'Unavailable',
      `${url} answered ${predictions} of ${rows} flights`,
      'See the log of serving.',
    );
  }
}

const limited = (signal: AbortSignal): AbortSignal => AbortSignal.any([signal, AbortSignal.timeout(ANSWER_WITHIN_MS)]);

/** Tries again where that can help: no answer, or a 5xx. What the server refuses stays refused. */
async function answered(signal: AbortSignal, what: string, ask: () => Promise<Response>): Promise<Response> {
  let problem = '';
  for (let tries = 1; tries <= TRIES; tries++) {
    if (tries > 1) await delay(Math.min(250 * 2 ** (tries - 2), 4_000), undefined, { signal });
    let response: Response;
    try {
      response = await ask();
    } catch (error) {
      signal.throwIfAborted();
      problem = String((error as { cause?: unknown }).cause ?? error);
      continue;
    }
    if (response.ok) return response;
    problem = `${response.status} ${(await response.text()).slice(0, 300)}`;
    if (response.status < 500 && response.status !== 429) break;
  }
  throw new SeawallError('Unavailable', `could not ${what}: ${problem}`, 'See the log of serving.');
}
