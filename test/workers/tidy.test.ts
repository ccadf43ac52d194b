import { mkdir, mkdtemp, readdir, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { runFolder } from '../../src/activities/work-folders.js';
import { createTidy, followedBy, sweepScratch } from '../../src/workers/tidy.js';

let home: string;
beforeEach(async () => void (home = await mkdtemp(join(tmpdir(), 'seawall-tidy-'))));
afterEach(() => rm(home, { recursive: true, force: true }));

it('removes scratch files by age, folders included', async () => {
  const now = Date.now();
  for (const [name, hours] of Object.entries({ old: 25, young: 23 })) {
    await mkdir(join(home, name));
    await writeFile(join(home, name, 'spill'), 'x');
    await writeFile(join(home, `${name}.db`), 'x');
    const at = new Date(now - hours * 3_600_000);
    for (const each of [name, `${name}.db`]) await utimes(join(home, each), at, at);
  }
  await sweepScratch(home, 24 * 3_600_000, now);
  expect((await readdir(home)).sort()).toEqual(['young', 'young.db']);
  await sweepScratch(home, 0, now);
  expect(await readdir(home)).toEqual([]);
  await sweepScratch(join(home, 'nowhere'));
});

describe('after every step', () => {
  const logger = { info: () => undefined, warn: () => undefined };
  const ended = { outcome: { kind: 'cancelled', text: '' }, at: '2020-01-01T00:00:00.000Z' };
  const portsOf = (newest: () => Promise<unknown>) => ({ home, namespace: 'n', records: { newest: newest as never } });

  it('ended runs are swept, one sweep at a time, however the step ended', async () => {
    const folder = runFolder(home, 'n', { model: 'm', n: 3 });
    await mkdir(folder, { recursive: true });
    let sweeps = 0;
    let release = (): void => undefined;
    const held = new Promise<void>((done) => (release = done));
    const tidy = createTidy(
      portsOf(async () => {
        sweeps += 1;
        await held;
        return ended;
      }),
      logger,
    );
    const steps = followedBy(
      { good: (n: number) => Promise.resolve(n + 1), bad: () => Promise.reject(new Error('no')) },
      () => tidy.soon(),
    );
    expect(await steps.good(1)).toBe(2);
    await expect(steps.bad()).rejects.toThrow('no');
    release();
    await tidy.ended();
    expect(sweeps).toBe(1);
    expect(await readdir(join(home, 'work', 'n', 'm'))).toEqual([]);
  });

  it('a sweep that fails is only told', async () => {
    await mkdir(runFolder(home, 'n', { model: 'm', n: 3 }), { recursive: true });
    const told: unknown[] = [];
    const tidy = createTidy(
      portsOf(() => Promise.reject(new Error('storage is away'))),
      { ...logger, warn: (fields: unknown) => void told.push(fields) },
    );
    tidy.soon();
    await tidy.ended();
    expect(told).toMatchObject([{ error: expect.stringContaining('storage is away') }]);
  });
});
