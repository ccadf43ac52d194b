// `npm run bench:datasets`: commit and pull against DVC and rclone on the same store, in interleaved rounds, with the floor beside it.
// Options: --rounds N (7), --mib N (1024), --files N (200), --seed N; --resume goes on with the rounds of a run that was cut off.
import { spawn } from 'node:child_process';
import { createCipheriv, createHash } from 'node:crypto';
import {
  closeSync,
  cpSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { availableParallelism, cpus, totalmem } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { state } from '../../scripts/lib/paths.mjs';
import { fillMemory } from './machine.mjs';
import { findDvc, findRclone, versionOf } from './peers.mjs';
import { dvcRound, floorRound, rcloneRound, seawallRound, STEPS } from './steps.mjs';

const { values: given } = parseArgs({
  options: {
    rounds: { type: 'string', default: '7' },
    mib: { type: 'string', default: '1024' },
    files: { type: 'string', default: '200' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    resume: { type: 'boolean', default: false },
  },
});
const home = join(state, 'bench');
const work = join(home, 'work');
const resultFile = join(home, 'datasets.json');
const measured = {
  ...{ seed: given.seed, mib: Number(given.mib), files: Number(given.files), rounds: 0 },
  ...{ results: {}, peakMb: {} },
};
if (given.resume && existsSync(resultFile)) Object.assign(measured, JSON.parse(readFileSync(resultFile, 'utf8')));
const fileBytes = Math.round((measured.mib * 2 ** 20) / measured.files);
const nameOf = (i) => `part-${String(i).padStart(4, '0')}.bin`;
const changed = Array.from({ length: Math.max(1, Math.round(measured.files / 20)) }, (_, i) => nameOf(i));

/** Bytes that no compression and no deduplication shortens, the same for the same seed. */
function writeRandom(path) {
  const key = createHash('sha256').update(`${measured.seed}/${path}`).digest();
  const cipher = createCipheriv('aes-256-ctr', key, Buffer.alloc(16));
  const zeros = Buffer.alloc(1 << 20);
  const fd = openSync(path, 'w');
  for (let left = fileBytes; left > 0; left -= zeros.length) writeSync(fd, cipher.update(zeros.subarray(0, left)));
  closeSync(fd);
}

function makeData() {
  rmSync(work, { recursive: true, force: true });
  mkdirSync(join(work, 'v1'), { recursive: true });
  process.chdir(work);
  for (let i = 0; i < measured.files; i++) writeRandom(join('v1', nameOf(i)));
  cpSync('v1', 'v2', { recursive: true });
  for (const name of changed) writeRandom(join('v2', name));
  cpSync('v1', 'seawall-data', { recursive: true });
}

/** versitygw as `seawall up` starts it. */
async function startStore() {
  const port = await new Promise((resolve) => {
    const probe = createServer().listen(0, '127.0.0.1', () => {
      const found = probe.address().port;
      probe.close(() => resolve(found));
    });
  });
  const keys = { access: 'bench', secret: 'bench-secret', bucket: 'bench-data' };
  mkdirSync(join('s3', keys.bucket), { recursive: true });
  const address = ['--access', keys.access, '--secret', keys.secret, '--port', `127.0.0.1:${port}`];
  const args = [...address, '--health', '/health', '--quiet', '--keep-alive', 'posix', 's3'];
  const binary = process.env.SEAWALL_VERSITYGW ?? join(state, 'bin', 'versitygw');
  const child = spawn(binary, args, { stdio: 'ignore' });
  const end = () => void child.kill('SIGKILL');
  process.once('exit', end);
  const endpoint = `http://127.0.0.1:${port}`;
  const answers = () =>
    fetch(`${endpoint}/health`).then(
      (answer) => answer.ok,
      () => false,
    );
  for (let tries = 0; !(await answers()); tries++) {
    if (tries > 200) throw new Error(`${binary} does not answer on ${endpoint}`);
    await delay(25);
  }
  return { ...keys, endpoint, end };
}

function note(step, who, { seconds, peakMb }) {
  ((measured.results[step] ??= {})[who] ??= []).push(seconds);
  measured.peakMb[who] = Math.max(measured.peakMb[who] ?? 0, peakMb);
}

async function measureRound(round) {
  fillMemory(join(home, 'holes'));
  const store = await startStore();
  try {
    // Not through rclone: it waits a second per file for "100 Continue" here.
    cpSync('v1', join('s3', store.bucket, 'plain'), { recursive: true });
    const common = { store, round, note, changed };
    const all = [
      seawallRound(common),
      ...(dvc.path ? [dvcRound({ ...common, program: dvc.path })] : []),
      ...(rclone.path ? [rcloneRound({ ...common, program: rclone.path })] : []),
      floorRound(common),
    ];
    // One step of everybody, then the next: the first of them alternates.
    for (const step of STEPS) for (const own of round % 2 ? all : all.toReversed()) await own[step]?.(step);
  } finally {
    store.end();
    await delay(100);
    rmSync('s3', { recursive: true, force: true });
  }
}

const median = (numbers) => numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)];

function table() {
  const columns = ['seawall', 'dvc', 'rclone', 'cp', 'sha256sum'];
  const lines = [
    `| step | ${columns.join(' | ')} | to dvc | to rclone |`,
    `| --- | ${columns.map(() => '---:').join(' | ')} | ---: | ---: |`,
  ];
  for (const [step, of] of Object.entries(measured.results)) {
    const seconds = columns.map((who) => (of[who] ? `${median(of[who]).toFixed(2)} s` : ''));
    // Of pairs of one round: what disturbs the machine disturbs both.
    const ratio = (who) => (of[who] ? median(of.seawall.map((own, i) => own / of[who][i])).toFixed(2) : '');
    lines.push(`| ${step} | ${seconds.join(' | ')} | ${ratio('dvc')} | ${ratio('rclone')} |`);
  }
  return lines.join('\n');
}

const latest = (of) => Object.entries(of).map(([who, all]) => `${who} ${all.at(-1).toFixed(2)}`);
const [dvc, rclone] = [findDvc(), findRclone()];
for (const { name, missing } of [dvc, rclone]) if (missing) console.error(`${name} is left out: ${missing}`);
const programs = [
  `Node.js ${process.versions.node}`,
  dvc.path && `dvc ${versionOf(dvc.path, '--version')}`,
  rclone.path && versionOf(rclone.path, 'version'),
];
const gib = Math.round(totalmem() / 2 ** 30);
console.log(
  `seed ${measured.seed}; ${measured.files} files of ${fileBytes} bytes, version 2 rewrites ${changed.length}\n` +
    `${availableParallelism()} × ${cpus()[0].model.trim()}, ${gib} GiB; ${programs.filter(Boolean).join(', ')}`,
);
makeData();
while (measured.rounds < Number(given.rounds)) {
  // A round that is cut off has not happened.
  const before = structuredClone(measured);
  await measureRound(measured.rounds + 1).catch((error) => {
    writeFileSync(resultFile, JSON.stringify(before, null, 2));
    throw error;
  });
  measured.rounds += 1;
  writeFileSync(resultFile, JSON.stringify(measured, null, 2));
  const steps = Object.entries(measured.results).map(([step, of]) => `${step} ${latest(of).join(' ')}`);
  console.error(`round ${measured.rounds}: ${steps.join('; ')}`);
}
console.log(table());
const peaks = Object.entries(measured.peakMb).filter(([who]) => ['seawall', 'dvc', 'rclone'].includes(who));
console.log(`peak memory: ${peaks.map(([who, mb]) => `${who} ${Math.round(mb)} MB`).join(', ')}`);
process.chdir(state);
rmSync(work, { recursive: true, force: true });
rmSync(join(home, 'holes'), { force: true });
