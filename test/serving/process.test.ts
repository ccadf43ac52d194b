import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { entryPoint } from '../../src/adapters/entry-point.js';
import type { Store } from '../../src/adapters/store/index.js';
import type { ServingConfig } from '../../src/serving/main.js';
import { startS3 } from '../support/s3.js';
import type { S3Server } from '../support/s3.js';
import {
  body,
  bytesTensor,
  flightsModel,
  flush,
  infer,
  loggedRows,
  oneRow,
  release,
  temporaryFolder,
  testStore,
} from './support.js';

let s3: S3Server;
let store: Store;
let home: Awaited<ReturnType<typeof temporaryFolder>>;
let prefixes = 0;
const children = new Set<ChildProcess>();

beforeAll(async () => void (s3 = await startS3()));
afterAll(() => s3.stop());
beforeEach(async () => {
  store = testStore(s3, `process-${++prefixes}`);
  home = await temporaryFolder();
  await release(store, 'flights', 1, await flightsModel(0.5));
});
afterEach(async () => {
  for (const child of children) {
    child.kill('SIGKILL');
    await once(child, 'exit');
  }
  store.close();
  await home.remove();
});

interface Child {
  url: string;
  exit: Promise<{ code: number | null; signal: string | null }>;
  kill(signal: NodeJS.Signals): void;
}
/** The compiled serving process; resolves when it has logged `ready: true`. */
async function startProcess(): Promise<Child> {
  const config: ServingConfig = {
    homeDir: home.path,
    s3: { ...s3.options, prefix: `process-${prefixes}` },
    serving: { host: '127.0.0.1', port: 0 },
  };
  const main = entryPoint(import.meta.url, '../../src/serving/main.js');
  const child = spawn(process.execPath, [join(import.meta.dirname, 'serve-child.mjs'), main, JSON.stringify(config)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  children.add(child);
  const exit = once(child, 'exit').then(([code, signal]) => {
    children.delete(child);
    return { code: code as number | null, signal: signal as string | null };
  });
  for await (const line of createInterface({ input: child.stdout })) {
    const { ready, url } = JSON.parse(line) as { ready?: boolean; url?: string };
    if (!ready || !url) continue;
    child.stdout.resume();
    return { url, exit, kill: (signal) => void child.kill(signal) };
  }
  throw new Error('the serving process ended before it was ready');
}

/** Sends batches one after the other until the process is gone or `until` says so; the acknowledged ids. */
async function load(url: string, name: string, until: () => boolean): Promise<{ ids: string[]; failures: string[] }> {
  const ids: string[] = [];
  const failures: string[] = [];
  for (let batch = 0; !until(); batch++) {
    const mine = Array.from({ length: 50 }, (_, i) => `${name}-${batch}-${i}`);
    const extra = [
      bytesTensor('_prediction_id', mine),
      bytesTensor(
        '_event_time',
        mine.map((_, i) => `2001-02-0${5 + (i % 3)}T10:00:00Z`),
      ),
    ];
    try {
      const answer = await infer(
        url,
        'flights',
        body(
          mine.map(() => oneRow),
          extra,
        ),
      );
      if (answer.status === 200) ids.push(...mine);
      else failures.push(String(answer.json.error));
    } catch (error) {
      failures.push(String(error));
      break;
    }
  }
  return { ids, failures };
}

describe('a serving process', () => {
  it('killed by SIGKILL under load loses no acknowledged prediction, and doubles none', async () => {
    const acknowledged: string[] = [];
    for (let round = 0; round < 2; round++) {
      const child = await startProcess();
      let flushes = 0;
      const clients = [0, 1, 2].map((client) => load(child.url, `r${round}c${client}`, () => false));
      // The kill comes between uploads, in the middle of answers and of flushes.
      const flushing = (async (): Promise<void> => {
        for (;;) {
          await flush(child.url);
          if (++flushes === 3 + round) child.kill('SIGKILL');
        }
      })();
      const [results, flushed] = await Promise.all([Promise.all(clients), Promise.allSettled([flushing])]);
      expect(flushed[0].status).toBe('rejected');
      expect((await child.exit).signal).toBe('SIGKILL');
      acknowledged.push(...results.flatMap(({ ids }) => ids));
    }
    const last = await startProcess();
    expect((await flush(last.url)).status).toBe(200);
    const { rows } = await loggedRows(store, 'flights');
    const logged = rows.map((row) => row['_prediction_id'] as string);
    const known = new Set(logged);
    expect(acknowledged.length).toBeGreaterThan(1_000);
    expect(acknowledged.filter((id) => !known.has(id))).toEqual([]);
    expect(logged.length).toBe(known.size);
    last.kill('SIGTERM');
    expect(await last.exit).toEqual({ code: 0, signal: null });
  });

  it('on SIGTERM ends its requests, brings the log home and exits 0', async () => {
    const child = await startProcess();
    let answered = 0;
    let stopping = false;
    const clients = [0, 1].map((client) =>
      load(child.url, `t${client}`, () => {
        if (++answered === 40) {
          stopping = true;
          child.kill('SIGTERM');
        }
        return false;
      }),
    );
    const startedAt = Date.now();
    expect(await child.exit).toEqual({ code: 0, signal: null });
    expect(Date.now() - startedAt).toBeLessThan(10_000);
    const results = await Promise.all(clients);
    expect(stopping).toBe(true);
    const { rows } = await loggedRows(store, 'flights');
    const known = new Set(rows.map((row) => row['_prediction_id']));
    const ids = results.flatMap((result) => result.ids);
    expect(ids.length).toBeGreaterThan(500);
    expect(ids.filter((id) => !known.has(id))).toEqual([]);
    // Refused at the door is no failure of a request that was let in.
    for (const failure of results.flatMap((result) => result.failures))
      expect(failure).toMatch(/fetch failed|Service Unavailable/);
  });

  it('exits within its time when object storage is down, and the next one uploads', async () => {
    const child = await startProcess();
    let sent = 0;
    const { ids } = await load(child.url, 'down', () => ++sent > 3);
    await s3.kill();
    const startedAt = Date.now();
    child.kill('SIGTERM');
    expect(await child.exit).toEqual({ code: 0, signal: null });
    expect(Date.now() - startedAt).toBeLessThan(10_000);
    await s3.restart();
    const next = await startProcess();
    expect((await flush(next.url)).status).toBe(200);
    // The start may have uploaded some before the flush was asked for.
    const mine = new Set(ids);
    const logged = (await loggedRows(store, 'flights')).rows.filter((row) => mine.has(row['_prediction_id'] as string));
    expect(logged).toHaveLength(ids.length);
    next.kill('SIGINT');
    expect(await next.exit).toEqual({ code: 0, signal: null });
  });
});
