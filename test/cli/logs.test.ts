/** A trainer's log in storage, while it grows and when it is whole, and the command that reads it. */
import { appendFile, mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { followLog, keepLog } from '../../src/activities/live-log.js';
import { createStore, type Store } from '../../src/adapters/store/index.js';
import { logs } from '../../src/cli/logs.js';
import { keys } from '../../src/contracts/index.js';
import { runCommand } from '../support/command.js';
import { s3Environment, type S3Server, startS3 } from '../support/s3.js';

let s3: S3Server;
let store: Store;
let env: Record<string, string>;
let folder: string;

beforeAll(async () => {
  s3 = await startS3();
  store = createStore({ ...s3.options, prefix: 'logs' });
  env = s3Environment(s3.options, 'logs');
  folder = await mkdtemp(join(tmpdir(), 'seawall-logs-'));
});
afterAll(async () => {
  store.close();
  await s3.stop();
});

const partsOf = async (log: string): Promise<number> => {
  const found: string[] = [];
  for await (const { key } of store.json.list(keys.trainerLogParts(log))) found.push(key);
  return found.length;
};
const until = async (done: () => Promise<boolean>): Promise<void> => {
  while (!(await done())) await sleep(20);
};

test('a growing log is there in parts, and whole at the end', async () => {
  const log = { key: keys.trainerLog('flights', 1, 1), file: join(folder, 'one.log') };
  const read = async () => (await runCommand(logs, ['flights/1'], { env })).document;
  await expect(read()).rejects.toMatchObject({ type: 'NotFound', next: expect.stringContaining('10 seconds') });
  await writeFile(log.file, 'first line\nsecond li');
  const live = followLog(store.files, log, { firstMs: 20, longestMs: 20 });
  await until(async () => (await partsOf(log.key)) === 1);
  // Whole lines only: a letter must not be cut in two.
  expect(await read()).toMatchObject({
    ended: false,
    attempts: [{ attempt: 1, complete: false, text: 'first line\n' }],
  });
  await appendFile(log.file, 'ne: schön\n');
  await until(async () => (await partsOf(log.key)) === 2);
  await live.stop();
  const text = 'first line\nsecond line: schön\n';
  expect(await read()).toMatchObject({ attempts: [{ complete: false, text, bytes: 31 }] });
  await appendFile(log.file, 'the end\n');
  expect(await keepLog(store, log)).toBe(log.key);
  expect(await partsOf(log.key)).toBe(0);
  expect(await read()).toMatchObject({ attempts: [{ complete: true, text: `${text}the end\n` }] });
});

test('a store that is away loses no line', async () => {
  const log = { key: keys.trainerLog('flights', 2, 1), file: join(folder, 'two.log') };
  let refusals = 3;
  const files = {
    put: async (key: string, bytes: Buffer) => {
      if (refusals-- > 0) throw new Error('away');
      await store.files.put(key, bytes);
    },
  };
  await writeFile(log.file, 'a\n');
  const live = followLog(files, log, { firstMs: 10, longestMs: 10 });
  await until(async () => refusals < 2);
  await appendFile(log.file, 'b\n');
  await until(async () => (await partsOf(log.key)) > 0);
  await live.stop();
  const { document } = await runCommand(logs, ['flights/2'], { env });
  expect(document.attempts[0].text).toMatch(/^a\nb\n$/);
});

test('all attempts, or one; following ends with the run', async () => {
  const put = (attempt: number, text: string) =>
    store.files.put(keys.trainerLog('flights', 3, attempt), Buffer.from(text));
  await put(1, 'lost\n');
  await put(2, 'won\n');
  const all = await runCommand(logs, ['flights/3'], { env });
  expect(all.text).toBe('── attempt 1 ──\nlost\n── attempt 2 ──\nwon');
  const one = await runCommand(logs, ['flights/3'], { env, options: { attempt: '2' } });
  expect(one.text).toBe('won');
  await expect(runCommand(logs, ['flights/3'], { env, options: { attempt: '3' } })).rejects.toMatchObject({
    type: 'NotFound',
  });
  const following = runCommand(logs, ['flights/3'], { env, options: { follow: true } });
  await sleep(500);
  await put(3, 'third\n');
  const outcome = { kind: 'failed', text: 'no more' };
  await store.records.append(keys.runRecords('flights', 3), 'end', (seq) => ({
    ...{ kind: 'run', schema: 1, seq, causeId: 'end', outcome },
  }));
  expect((await following).text).toBe('third');
});

test('what is no run is wrong usage', async () => {
  await expect(runCommand(logs, ['flights'], { env })).rejects.toMatchObject({ exitCode: 2 });
});
