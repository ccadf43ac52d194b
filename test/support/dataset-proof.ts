/** Datasets of many files and of one that is large, through the commands, with their processes killed at random moments. */
import { spawn } from 'node:child_process';
import { createCipheriv, createHash } from 'node:crypto';
import { createReadStream, createWriteStream, readFileSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { expect } from 'vitest';
import { s3Environment, startS3, type S3Server } from './s3.js';

/** What a dataset's commands may take, however large the files; every file is held by name, with its digest, several times. */
const PEAK_MB = 300;
const PER_FILE_KB = 1;

export interface Place {
  s3: S3Server;
  folder: string;
  /** 0 ≤ x < 1, the same for the same seed. */
  random: () => number;
  print: (line: string) => void;
  remove(): Promise<void>;
}
export async function createPlace(seed: number, print: (line: string) => void = () => undefined): Promise<Place> {
  const s3 = await startS3();
  const folder = await mkdtemp(join(tmpdir(), 'seawall-proof-'));
  const remove = async (): Promise<void> => {
    await s3.stop();
    await rm(folder, { recursive: true, force: true });
  };
  return { s3, folder, random: randomFrom(seed), print, remove };
}

/** Mulberry32: small, and the same everywhere. */
function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

// ── Commands ────────────────────────────────────────────────────────────────────────────────────────────────────────

interface Ended {
  /** Null: killed. */
  code: number | null;
  seconds: number;
  /** Of the process with its threads. */
  peakMb: number;
  // eslint-disable-next-line typescript/no-explicit-any -- documents of many commands
  document: any;
  told: string;
}

const PROGRAM = join(import.meta.dirname, '../../bin/seawall.js');

/** A command in a process of its own, as a person would start it. */
async function seawall(place: Place, words: string[], killAfterMs?: number): Promise<Ended> {
  const env = {
    ...{ PATH: process.env['PATH'], SEAWALL_HOME: join(place.folder, 'home'), USER: 'ann' },
    ...s3Environment(place.s3.options, place.s3.options.prefix),
  };
  const since = performance.now();
  const child = spawn(process.execPath, [PROGRAM, 'dataset', ...words, '--json'], { env, cwd: place.folder });
  const [output, told]: string[][] = [[], []];
  child.stdout.setEncoding('utf8').on('data', (text: string) => output?.push(text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => told?.push(text));
  let peakMb = 0;
  const look = setInterval(() => (peakMb = Math.max(peakMb, peakOf(child.pid ?? 0))), 50);
  const kill = killAfterMs === undefined ? undefined : setTimeout(() => child.kill('SIGKILL'), killAfterMs);
  const code = await new Promise<number | null>((resolve, reject) => child.on('error', reject).on('close', resolve));
  clearInterval(look);
  clearTimeout(kill);
  const seconds = (performance.now() - since) / 1000;
  const text = output?.join('') ?? '';
  return {
    code,
    seconds,
    peakMb,
    document: code === null ? undefined : JSON.parse(text),
    told: `${text}\n${told?.join('')}`,
  };
}

/** Resident memory at its highest so far. */
function peakOf(pid: number): number {
  try {
    return Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) / 1024;
  } catch {
    return 0; // it has ended, or this is not Linux
  }
}

export interface Step {
  what: string;
  seconds: number;
  peakMb: number;
  /** Seconds after its start at which the command was killed before. */
  killedAt: number[];
  said: string;
}

interface StepOptions {
  kills?: number;
  /** The kills come at random moments within this time. */
  withinMs?: number;
  /** In the dataset. */
  files?: number;
  /** Looks at the store after every kill. */
  whole?: () => Promise<void>;
  say: (document: Ended['document']) => string;
}

/** Runs a command to its end, after it was killed `kills` times; what is left after each kill must be `whole`. */
async function step(
  place: Place,
  what: string,
  words: string[],
  { kills = 0, withinMs = 0, files = 1, whole, say }: StepOptions,
): Promise<{ row: Step; document: Ended['document'] }> {
  const killedAt: number[] = [];
  let peakMb = 0;
  // A command that is done sooner than it was to be killed is done: killing the next, which has nothing to do, shows nothing.
  for (let tries = 0, done = false; killedAt.length < kills && !done; tries++) {
    const ended = await seawall(place, words, 150 + place.random() * withinMs);
    peakMb = Math.max(peakMb, ended.peakMb);
    done = ended.code !== null;
    if (done) expect(ended.code, ended.told).toBe(0);
    else killedAt.push(ended.seconds);
    await whole?.();
  }
  const ended = await seawall(place, words);
  expect(ended.code, ended.told).toBe(0);
  peakMb = Math.max(peakMb, ended.peakMb);
  const row = { what, seconds: ended.seconds, peakMb, killedAt, said: say(ended.document) };
  place.print(lineOf(row));
  expect(peakMb).toBeLessThanOrEqual(PEAK_MB + (files * PER_FILE_KB) / 1024);
  return { row, document: ended.document };
}

export const HEAD_LINES =
  '| step | seconds | peak memory | killed before, after | said |\n| --- | ---: | ---: | --- | --- |';
const lineOf = ({ what, seconds, peakMb, killedAt, said }: Step): string =>
  `| ${what} | ${seconds.toFixed(1)} s | ${Math.round(peakMb)} MB | ${killedAt.map((at) => `${at.toFixed(1)} s`).join(', ')} | ${said} |`;

const mb = (bytes: number): string => `${(bytes / 1e6).toFixed(1)} MB`;

/** Whatever was killed: there is no head yet, or it is the whole version. */
function wholeOrNone(place: Place, files: number): () => Promise<void> {
  return async () => {
    const shown = await seawall(place, ['show', 'd']);
    if (shown.code === 1) expect(shown.document.error.type).toBe('NotFound');
    else expect(shown.document.files).toHaveLength(files);
  };
}

// ── Many files ──────────────────────────────────────────────────────────────────────────────────────────────────────

/** Commits, pulls and verifies `files` small files, then changes one in a hundred. */
export async function proveManyFiles(
  place: Place,
  { files, kills }: { files: number; kills: number },
): Promise<Step[]> {
  const data = join(place.folder, 'data');
  const expected = new Map<string, string>();
  const put = async (i: number, revision: number): Promise<number> => {
    const path = `${String(i % 1000).padStart(3, '0')}/${i}.json`;
    const text = `${JSON.stringify({ i, revision, filler: 'x'.repeat(Math.floor(place.random() * 2000)) })}\n`;
    await mkdir(dirname(join(data, path)), { recursive: true });
    await writeFile(join(data, path), text);
    expected.set(path, sha256Of(text));
    return text.length;
  };
  let bytes = 0;
  for (let i = 0; i < files; i++) bytes += await put(i, 1);
  const rows: Step[] = [];
  const run = async (what: string, words: string[], options: StepOptions): Promise<Ended['document']> => {
    const { row, document } = await step(place, what, words, { files, ...options });
    rows.push(row);
    return document;
  };
  const sent = (document: Ended['document']): string => `${document.files} files, ${mb(document.uploadedBytes)} sent`;
  const fetched = (document: Ended['document']): string => `${mb(document.fetchedBytes)} fetched`;
  const common = { kills, withinMs: files, whole: wholeOrNone(place, files) };
  const first = await run(`commit ${files} files, ${mb(bytes)}`, ['commit', 'd', 'data'], { ...common, say: sent });
  const again = await run('commit again', ['commit', 'd', 'data'], { say: sent });
  expect(again).toMatchObject({ version: first.version, changed: false, uploadedBytes: 0 });
  await run('pull', ['pull', 'd', 'out'], { ...common, say: fetched });
  await compare(join(place.folder, 'out'), expected);
  await run('verify', ['verify', 'd'], { say: ({ objects }) => `${objects} objects are right` });
  const changed = Math.max(1, Math.round(files / 100));
  let changedBytes = 0;
  for (let i = 0; i < changed; i++) changedBytes += await put(Math.floor((i * files) / changed), 2);
  const second = await run(`commit, ${changed} files changed`, ['commit', 'd', 'data'], { say: sent });
  expect(second).toMatchObject({ changed: true, uploadedBytes: changedBytes });
  const pulled = await run('pull', ['pull', 'd', 'out'], { say: fetched });
  expect(pulled.fetchedBytes).toBe(changedBytes);
  await compare(join(place.folder, 'out'), expected);
  await run('verify both versions', ['verify', 'd', '--all'], { say: ({ objects }) => `${objects} objects are right` });
  const gc = await run('gc --dry-run', ['gc', '--dry-run'], {
    say: (found) => `would take ${found.objects.length}, keeps ${found.kept[0].objects}`,
  });
  expect(gc).toMatchObject({ objects: [], versions: [] });
  return rows;
}

const sha256Of = (text: string | Buffer): string => createHash('sha256').update(text).digest('hex');

async function compare(folder: string, expected: ReadonlyMap<string, string>): Promise<void> {
  const names = await readdir(folder, { recursive: true, withFileTypes: true });
  const found = names.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  expect(found).toHaveLength(expected.size);
  for (const file of found)
    expect(sha256Of(await readFile(file)), file).toBe(expected.get(file.slice(folder.length + 1)));
}

// ── One large file ──────────────────────────────────────────────────────────────────────────────────────────────────

/** Commits, pulls and verifies one file of so many bytes; at most three copies of it lie on the disk at once. */
export async function proveLargeFile(
  place: Place,
  { bytes, kills }: { bytes: number; kills: number },
): Promise<Step[]> {
  const source = join(place.folder, 'large', 'file.bin');
  const digest = await writeLarge(source, bytes, String(place.random()));
  const common = { kills, withinMs: bytes / 150_000, whole: wholeOrNone(place, 1) };
  const committed = await step(place, `commit one file, ${mb(bytes)}`, ['commit', 'd', 'large'], {
    ...common,
    say: ({ uploadedBytes }) => `${mb(uploadedBytes)} sent`,
  });
  await rm(source);
  const pulled = await step(place, 'pull', ['pull', 'd', 'out-large'], {
    ...common,
    say: ({ fetchedBytes }) => `${mb(fetchedBytes)} fetched`,
  });
  const out = join(place.folder, 'out-large', 'file.bin');
  expect((await stat(out)).size).toBe(bytes);
  const hash = createHash('sha256');
  await pipeline(createReadStream(out, { highWaterMark: 1 << 20 }), hash);
  expect(hash.digest('hex')).toBe(digest);
  const verified = await step(place, 'verify', ['verify', 'd'], { say: ({ objects }) => `${objects} object is right` });
  return [committed.row, pulled.row, verified.row];
}

async function writeLarge(path: string, bytes: number, seed: string): Promise<string> {
  await mkdir(dirname(path), { recursive: true });
  const key = createHash('sha256').update(seed).digest();
  const hash = createHash('sha256');
  async function* content(): AsyncGenerator<Buffer> {
    const cipher = createCipheriv('aes-256-ctr', key, Buffer.alloc(16));
    const zeros = Buffer.alloc(1 << 20);
    for (let left = bytes; left > 0; left -= zeros.length) {
      const piece = cipher.update(zeros.subarray(0, Math.min(left, zeros.length)));
      hash.update(piece);
      yield await Promise.resolve(piece);
    }
  }
  await pipeline(content, createWriteStream(path));
  return hash.digest('hex');
}
