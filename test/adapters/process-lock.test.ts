import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { rmSync, writeFileSync } from 'node:fs';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { entryPoint } from '../../src/adapters/entry-point.js';
import { identityOf } from '../../src/adapters/process-identity.js';
import { takeProcessLock } from '../../src/adapters/process-lock.js';

/** Called before a lock's file is made, once: where another process may get ahead of this one. */
const before = vi.hoisted(() => ({ link: (): void => undefined }));
vi.mock(import('node:fs'), async (original) => {
  const fs = await original();
  const linkSync: typeof fs.linkSync = (...args) => {
    before.link();
    before.link = () => undefined;
    fs.linkSync(...args);
  };
  return { ...fs, linkSync };
});

const MODULE = entryPoint(import.meta.url, '../../src/adapters/process-lock.js');
/** Tries whenever a line comes in, as soon as the line's time has come, and says how it went. */
const CHILD = `import { createInterface } from 'node:readline';
  const { takeProcessLock } = await import(${JSON.stringify(MODULE)});
  const path = process.argv[1];
  createInterface({ input: process.stdin }).on('line', (at) => {
    while (Date.now() < Number(at));
    const taken = takeProcessLock(path);
    console.log('holder' in taken ? 'held by ' + taken.holder.pid : 'mine');
  });
  console.log('ready');`;

let folder: string;
let path: string;
const children = new Set<ChildProcess>();
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'seawall-lock-'));
  path = join(folder, 'lock');
});
afterEach(async () => {
  for (const child of children) await kill(child);
  await rm(folder, { recursive: true, force: true });
});

async function kill(child: ChildProcess): Promise<void> {
  children.delete(child);
  const exited = once(child, 'exit');
  child.kill('SIGKILL');
  await exited;
}

interface Contender {
  child: ChildProcess;
  take(at: number): Promise<string>;
}
async function contender(): Promise<Contender> {
  const child = spawn(process.execPath, ['--input-type=module', '-e', CHILD, path], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  children.add(child);
  const lines = createInterface({ input: child.stdout! })[Symbol.asyncIterator]();
  const next = async (): Promise<string> => String((await lines.next()).value);
  expect(await next()).toBe('ready');
  return {
    child,
    take: (at) => {
      child.stdin!.write(`${at}\n`);
      return next();
    },
  };
}

it('has one winner when ten processes race for the lock of a dead holder, again and again', async () => {
  let contenders = await Promise.all(Array.from({ length: 10 }, contender));
  for (let round = 1; contenders.length > 2; round++) {
    const at = Date.now() + 30;
    const results = await Promise.all(contenders.map(({ take }) => take(at)));
    const winner = contenders[results.indexOf('mine')]!;
    const lost = `held by ${winner.child.pid}`;
    expect(results.toSorted(), `round ${round}`).toEqual([...results.slice(1).map(() => lost), 'mine']);
    await kill(winner.child);
    contenders = contenders.filter((each) => each !== winner);
  }
  // What is left of eight takeovers: the newest, the one before it, and no drafts.
  expect(await readdir(folder)).toHaveLength(2);
}, 30_000);

it('is refused while its holder lives, also to the holder, and free when it is given back', () => {
  const lock = takeProcessLock(path);
  expect(takeProcessLock(path)).toEqual({ holder: identityOf(process.pid) });
  if (!('release' in lock)) throw new Error('it was free');
  lock.release();
  expect(takeProcessLock(path)).toHaveProperty('release');
});

it('gives way when others took the lock, went past it and tidied up between looking and taking', async () => {
  const dead = JSON.stringify({ holder: { pid: process.ppid, startTime: 'long ago' } });
  const holder = identityOf(process.ppid)!;
  await writeFile(`${path}.1`, dead);
  before.link = () => {
    rmSync(`${path}.1`);
    writeFileSync(`${path}.3`, dead);
    writeFileSync(`${path}.4`, JSON.stringify({ holder }));
  };
  expect(takeProcessLock(path)).toEqual({ holder });
  expect((await readdir(folder)).sort()).toEqual(['lock.3', 'lock.4']);
});

it('does not take another process with the same number for the holder, nor a spoilt file', async () => {
  await writeFile(`${path}.4`, JSON.stringify({ holder: { pid: process.ppid, startTime: 'long ago' } }));
  const lock = takeProcessLock(path);
  expect(await readdir(folder)).toEqual(['lock.4', 'lock.5']);
  if ('release' in lock) lock.release();
  await writeFile(`${path}.6`, 'no JSON');
  expect(takeProcessLock(path)).toHaveProperty('release');
});
