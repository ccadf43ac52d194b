/** Whatever happens to committers, the head names a complete version, every version verifies, and the log has every move. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { randomUUID } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createStore, type DatasetFile, type Store } from '../../../src/adapters/store/index.js';
import { startS3, type S3Server } from '../../support/s3.js';
import { startProxy, type Fault } from './faults.js';

let s3: S3Server;
let store: Store;
let folder: string;
beforeAll(async () => {
  s3 = await startS3();
  store = createStore(s3.options);
  folder = await mkdtemp(join(tmpdir(), 'seawall-property-'));
});
afterAll(async () => {
  await s3.stop();
  await rm(folder, { recursive: true, force: true });
});

interface Commit {
  /** Contents, by their file's number. */
  contents: number[];
  extend: boolean;
  expectHead: boolean;
  /** What happens at which of its requests; it does not try again, so that it ends there. */
  fault: { at: number; kind: Exclude<Fault, 'none' | 'drip' | 'stallBody'> | 'leave' } | null;
}
const commit: fc.Arbitrary<Commit> = fc.record({
  contents: fc.array(fc.integer({ min: 0, max: 5 }), { minLength: 1, maxLength: 4 }),
  extend: fc.boolean(),
  expectHead: fc.boolean(),
  fault: fc.option(
    fc.record({
      at: fc.integer({ min: 1, max: 25 }),
      kind: fc.constantFrom('loseAnswer' as const, 'unavailable' as const, 'cutBody' as const, 'leave' as const),
    }),
  ),
});
/** Commits of one group run at once. */
const history = fc.array(fc.array(commit, { minLength: 1, maxLength: 3 }), { minLength: 1, maxLength: 4 });

async function filesOf(name: string, { contents }: Commit): Promise<DatasetFile[]> {
  return Promise.all(
    contents.map(async (content, i) => {
      const localFile = join(folder, randomUUID());
      await writeFile(localFile, `${name} ${content}`.repeat(1 + content * 40));
      return { path: `part-${i}`, localFile };
    }),
  );
}

async function run(name: string, one: Commit): Promise<string | undefined> {
  const files = await filesOf(name, one);
  const gone = new AbortController();
  let requests = 0;
  const proxy = await startProxy(s3, () => {
    requests += 1;
    if (requests !== one.fault?.at) return 'none';
    if (one.fault.kind !== 'leave') return one.fault.kind;
    gone.abort(new Error('interrupted'));
    return 'none';
  });
  const mine = createStore({ ...s3.options, port: proxy.port, retries: 0, deadlineMs: 5_000 });
  try {
    const options = { by: 'test', signal: gone.signal };
    const head = one.expectHead ? ((await store.datasets.head(name))?.version ?? null) : undefined;
    const made = one.extend
      ? await mine.datasets.extendVersion(name, files, { ...options, replace: true })
      : await mine.datasets.commitVersion(name, files, {
          ...options,
          ...(head === undefined ? {} : { expectedHead: head }),
        });
    return made.version;
  } catch {
    return undefined; // interrupted, or it lost a race
  } finally {
    mine.close();
    await proxy.stop();
  }
}

async function check(name: string, made: Set<string>): Promise<void> {
  const versions = await store.datasets.versions(name);
  for (const version of made) expect(versions).toContain(version);
  expect((await store.datasets.verify(name, versions)).problems).toEqual([]);
  const head = await store.datasets.head(name);
  const log = await store.datasets.history(name);
  expect(log.map(({ seq }) => seq)).toEqual(Array.from({ length: head?.seq ?? 0 }, (_, i) => (head?.seq ?? 0) - i));
  expect(log[0]?.version).toBe(head?.version);
  log.forEach(({ previous }, i) => expect(previous).toBe(log[i + 1]?.version ?? null));
  for (const { version } of log) expect(versions).toContain(version);
}

it('any sequence of commits, interruptions and concurrent committers leaves complete versions', async () => {
  let interrupted = 0;
  let succeeded = 0;
  await fc.assert(
    fc.asyncProperty(history, async (groups) => {
      const name = `d-${randomUUID()}`;
      const made = new Set<string>();
      for (const group of groups) {
        const results = await Promise.all(group.map((one) => run(name, one)));
        for (const version of results) {
          if (version) made.add(version);
          if (version) succeeded += 1;
          else interrupted += 1;
        }
        await check(name, made);
      }
      // Whatever was left half, the same files can be committed afterwards.
      const last = groups.at(-1)?.at(-1) as Commit;
      const again = await store.datasets.commitVersion(name, await filesOf(name, last), { by: 'test' });
      made.add(again.version);
      await check(name, made);
      expect((await store.datasets.head(name))?.version).toBe(again.version);
    }),
    { numRuns: 25 },
  );
  // The faults do hit, and do not hit everything.
  expect(interrupted).toBeGreaterThan(10);
  expect(succeeded).toBeGreaterThan(10);
}, 240_000);
