import { createServer, type IncomingMessage, type Server } from 'node:http';
import { mkdtemp, rm } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type FlightsData, prepareFlights } from '../../examples/flights/data.js';
import { sendFlights } from '../../examples/flights/traffic.js';

interface Tensor {
  name: string;
  shape: number[];
  datatype: string;
  data: unknown[];
}

let cacheDir: string;
let data: FlightsData;
let server: Server | undefined;

beforeAll(async () => {
  cacheDir = await mkdtemp(join(tmpdir(), 'seawall-flights-'));
  data = await prepareFlights({ cacheDir, weeks: 1, slice: 0.05 });
}, 60_000);
afterEach(() => {
  server?.closeAllConnections();
  server?.close();
});
afterAll(() => rm(cacheDir, { recursive: true, force: true }));

async function body(request: IncomingMessage): Promise<Tensor[]> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return (JSON.parse(Buffer.concat(chunks).toString('utf8')) as { inputs: Tensor[] }).inputs;
}

/** An inference server that answers as `verdict` says: a status, or `drop` the connection after reading. */
async function listen(verdict: (request: number) => number | 'drop', seen: Tensor[][]): Promise<string> {
  let requests = 0;
  server = createServer((request, response) => {
    const outcome = verdict(++requests);
    void body(request).then((inputs) => {
      seen.push(inputs);
      if (outcome === 'drop') return request.socket.destroy();
      const rows = inputs[0]?.data.length ?? 0;
      response.writeHead(outcome, { 'content-type': 'application/json' });
      const outputs = [{ name: 'prediction', shape: [rows, 1], datatype: 'INT64', data: new Array(rows).fill(0) }];
      return response.end(JSON.stringify(outcome === 200 ? { outputs } : { error: 'not today' }));
    });
  });
  await new Promise<void>((resolve) => server?.listen(0, '127.0.0.1', resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const column = (inputs: Tensor[], name: string): unknown[] => inputs.find((tensor) => tensor.name === name)?.data ?? [];
const week = () => data.weeks[0]!.data;

describe('traffic', () => {
  it('carries every flight once, as tensors of the Open Inference Protocol', async () => {
    const seen: Tensor[][] = [];
    const url = await listen(() => 200, seen);
    const progress: number[] = [];
    const serving = { url, model: 'flights', signal: new AbortController().signal };
    expect(await sendFlights(serving, week().file, (rows) => progress.push(rows))).toBe(week().rows);
    const ids = seen.flatMap((inputs) => column(inputs, '_prediction_id'));
    expect(new Set(ids).size).toBe(week().rows);
    expect(ids.length).toBe(week().rows);
    expect(ids[0]).toMatch(/^f\d+$/);
    expect(progress.at(-1)).toBe(week().rows);
    for (const inputs of seen) {
      const rows = column(inputs, '_prediction_id').length;
      expect(rows).toBeLessThanOrEqual(2000);
      expect(inputs.every(({ shape, data: values }) => shape[0] === rows && values.length === rows)).toBe(true);
      const times = column(inputs, '_event_time') as string[];
      expect(times.every((time) => /^2001-02-\d\dT\d\d:\d\d:00Z$/.test(time))).toBe(true);
      // The hour belongs to the time of the same row: columns were not shuffled against each other.
      expect(column(inputs, 'hour')).toEqual(times.map((time) => new Date(time).getUTCHours()));
    }
  });

  it('sends a batch again with the same ids when the connection breaks or the server is down for a moment', async () => {
    const seen: Tensor[][] = [];
    const url = await listen((request) => (request === 1 ? 'drop' : request === 2 ? 503 : 200), seen);
    const serving = { url, model: 'flights', signal: new AbortController().signal };
    expect(await sendFlights(serving, week().file, () => undefined)).toBe(week().rows);
    const sets = seen.map((inputs) => column(inputs, '_prediction_id').join());
    expect(sets.length).toBe(new Set(sets).size + 2);
  });

  it('does not send again what the server refuses, and says what it said', async () => {
    const seen: Tensor[][] = [];
    const url = await listen(() => 400, seen);
    const serving = { url, model: 'flights', signal: new AbortController().signal };
    await expect(sendFlights(serving, week().file, () => undefined)).rejects.toThrow(/400 .*not today/);
    expect(seen.length).toBeLessThanOrEqual(3);
  });
});
