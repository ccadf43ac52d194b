// `npm run bench:datasets`: commit and pull against DVC and rclone on the same store, in interleaved rounds, with the floor beside it.
// Options: --rounds N (7), --mib N (1024), --files N (200), --seed N.
import { spawn, spawnSync } from 'node:child_process';
import { createCipheriv, createHash } from 'node:crypto';
import { cpSync, mkdirSync, openSync, closeSync, readFileSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { availableParallelism, cpus, totalmem } from 'node:os';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { setTimeout as delay } from 'node:timers/promises';
import { root, state } from '../../scripts/lib/paths.mjs';
import { findDvc, findRclone, versionOf } from './peers.mjs';

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '7' },
    mib: { type: 'string', default: '1024' },
    files: { type: 'string', default: '200' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
  },
});
const rounds = Number(values.rounds);
const files = Number(values.files);
const fileBytes = Math.round((Number(values.mib) * 2 ** 20) / files);
const CHANGED = Math.max(1, Math.round(files / 20));
const work = join(state, 'bench', 'work');
const S3 = { access: 'bench', secret: 'bench-secret', bucket: 'bench-data' };
const dvc = findDvc();
const rclone = findRclone();
for (const { name, missing } of [dvc, rclone]) if (missing) console.error(`${name} is left out: ${missing}`);

/** Bytes that no compression and no deduplication shortens, the same for the same seed. */
function writeRandom(path, name) {
  const key = createHash('sha256').update(`${values.seed}/${name}`).digest();
  const cipher = createCipheriv('aes-256-ctr', key, Buffer.alloc(16));
  const zeros = Buffer.alloc(1 << 20);
  const fd = openSync(path, 'w');
  for (let left = fileBytes; left > 0; left -= zeros.length) writeSync(fd, cipher.update(zeros.subarray(0, left)));
  closeSync(fd);
}
const nameOf = (i) => `part-${String(i).padStart(4, '0')}.bin`;

/** Runs a program to its end: seconds, and the peak of its resident memory in MB. */
async function timed(command, args, { cwd = work, env = {}, expect = 0 } = {}) {
  // What the step before has left to the disk must not be this one's.
  spawnSync('sync');
  const since = performance.now();
  const child = spawn(command, args, { cwd, env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (output += chunk));
  let peakMb = 0;
  const watch = setInterval(() => {
    try {
      const [, kb] = /VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${child.pid}/status`, 'utf8')) ?? [];
      peakMb = Math.max(peakMb, Number(kb ?? 0) / 1024);
    } catch {
      // it has ended
    }
  }, 20);
  const code = await new Promise((resolve, reject) => child.on('error', reject).on('close', resolve));
  clearInterval(watch);
  const seconds = (performance.now() - since) / 1000;
  if (code !== expect) throw new Error(`${command} ${args.join(' ')} ended with ${code}:\n${output.slice(-2000)}`);
  return { seconds, peakMb, output };
}

function same(a, b) {
  const { status, stdout } = spawnSync('diff', ['-r', '-q', a, b], { encoding: 'utf8' });
  if (status !== 0) throw new Error(`${a} and ${b} differ:\n${stdout.slice(0, 1000)}`);
}

async function startStore() {
  const port = await new Promise((resolve) => {
    const probe = createServer().listen(0, '127.0.0.1', () => {
      const found = probe.address().port;
      probe.close(() => resolve(found));
    });
  });
  mkdirSync(join(work, 's3', S3.bucket), { recursive: true });
  const args = ['--access', S3.access, '--secret', S3.secret, '--port', `127.0.0.1:${port}`, '--health', '/health'];
  const binary = process.env.SEAWALL_VERSITYGW ?? join(state, 'bin', 'versitygw');
  const child = spawn(binary, [...args, '--quiet', 'posix', join(work, 's3')], { stdio: 'ignore' });
  process.once('exit', () => child.kill('SIGKILL'));
  const endpoint = `http://127.0.0.1:${port}`;
  for (let tries = 0; ; tries++) {
    if (
      await fetch(`${endpoint}/health`).then(
        (answer) => answer.ok,
        () => false,
      )
    )
      return { endpoint, child };
    if (tries > 200) throw new Error(`${binary} does not answer on ${endpoint}`);
    await delay(25);
  }
}

const results = new Map();
let peak = 0;
function note(step, who, { seconds, peakMb }) {
  if (who === 'seawall') peak = Math.max(peak, peakMb);
  const of = results.get(step) ?? {};
  (of[who] ??= []).push(seconds);
  results.set(step, of);
}

function seawallRound(store, round) {
  const home = join(work, 'home');
  const env = {
    SEAWALL_HOME: home,
    SEAWALL_PREFIX: `round-${round}`,
    SEAWALL_BUCKET: S3.bucket,
    AWS_ENDPOINT_URL_S3: store.endpoint,
    AWS_ACCESS_KEY_ID: S3.access,
    AWS_SECRET_ACCESS_KEY: S3.secret,
  };
  const seawall = (...args) => timed(process.execPath, [join(root, 'bin', 'seawall.js'), 'dataset', ...args], { env });
  const out = join(work, 'seawall-out');
  return [
    ['commit', async () => note('commit', 'seawall', await seawall('commit', 'd', 'v1'))],
    ['commit, nothing new', async (step) => note(step, 'seawall', await seawall('commit', 'd', 'v1'))],
    [
      'pull',
      async (step) => {
        note(step, 'seawall', await seawall('pull', 'd', out));
        same('v1', out);
      },
    ],
    ['pull, nothing new', async (step) => note(step, 'seawall', await seawall('pull', 'd', out))],
    ['commit version 2', async (step) => note(step, 'seawall', await seawall('commit', 'd', 'v2'))],
    [
      'pull version 2',
      async (step) => {
        note(step, 'seawall', await seawall('pull', 'd', out));
        same('v2', out);
      },
    ],
    ['clean', () => [home, out].forEach((path) => rmSync(path, { recursive: true, force: true }))],
  ];
}

function dvcRound(store, round) {
  if (dvc.missing) return [];
  const [ours, clone] = [join(work, 'dvc-repo'), join(work, 'dvc-clone')];
  const env = {
    AWS_ACCESS_KEY_ID: S3.access,
    AWS_SECRET_ACCESS_KEY: S3.secret,
    AWS_DEFAULT_REGION: 'us-east-1',
    DVC_NO_ANALYTICS: '1',
  };
  const run = (cwd, ...args) => timed(dvc.path, [...args, '-q'], { cwd, env });
  const init = async (cwd) => {
    mkdirSync(cwd, { recursive: true });
    await run(cwd, 'init', '--no-scm');
    await run(cwd, 'remote', 'add', '-d', 'store', `s3://${S3.bucket}/dvc-${round}`);
    await run(cwd, 'remote', 'modify', 'store', 'endpointurl', store.endpoint);
  };
  const addAndPush = async (step) => {
    const [add, push] = [await run(ours, 'add', 'data'), await run(ours, 'push')];
    note(step, 'dvc', { seconds: add.seconds + push.seconds });
  };
  const pull = async (step) => {
    cpSync(join(ours, 'data.dvc'), join(clone, 'data.dvc'));
    note(step, 'dvc', await run(clone, 'pull'));
  };
  return [
    [
      'commit',
      async (step) => {
        await init(ours);
        await init(clone);
        cpSync('v1', join(ours, 'data'), { recursive: true });
        await addAndPush(step);
      },
    ],
    ['commit, nothing new', addAndPush],
    [
      'pull',
      async (step) => {
        await pull(step);
        same('v1', join(clone, 'data'));
      },
    ],
    ['pull, nothing new', pull],
    [
      'commit version 2',
      async (step) => {
        for (let i = 0; i < CHANGED; i++) cpSync(join('v2', nameOf(i)), join(ours, 'data', nameOf(i)));
        await addAndPush(step);
      },
    ],
    [
      'pull version 2',
      async (step) => {
        await pull(step);
        same('v2', join(clone, 'data'));
      },
    ],
    ['clean', () => [ours, clone].forEach((path) => rmSync(path, { recursive: true, force: true }))],
  ];
}

function rcloneRound(store) {
  if (rclone.missing) return [];
  const env = {
    // It cannot take certificates from there over plain HTTP.
    AWS_CA_BUNDLE: '',
    RCLONE_CONFIG: '/dev/null',
    RCLONE_CONFIG_S_TYPE: 's3',
    RCLONE_CONFIG_S_PROVIDER: 'Other',
    RCLONE_CONFIG_S_ENDPOINT: store.endpoint,
    RCLONE_CONFIG_S_ACCESS_KEY_ID: S3.access,
    RCLONE_CONFIG_S_SECRET_ACCESS_KEY: S3.secret,
  };
  const out = join(work, 'rclone-out');
  return [
    [
      'pull',
      async (step) => {
        note(
          step,
          'rclone',
          await timed(rclone.path, ['copy', `s:${S3.bucket}/plain`, out, '--transfers', '16'], { env }),
        );
        same('v1', out);
      },
    ],
    ['clean', () => rmSync(out, { recursive: true, force: true })],
  ];
}

function floorRound() {
  const out = join(work, 'floor-out');
  return [
    ['pull', async (step) => note(step, 'cp', await timed('cp', ['-r', 'v1', out]))],
    [
      'commit',
      async (step) => note(step, 'sha256sum', await timed('sh', ['-c', 'ls v1/* | xargs -P 2 -n 50 sha256sum'])),
    ],
    ['clean', () => rmSync(out, { recursive: true, force: true })],
  ];
}

const median = (numbers) => numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)];

function table() {
  const columns = ['seawall', 'dvc', 'rclone', 'cp', 'sha256sum'];
  const lines = [
    `| step | ${columns.join(' | ')} | to dvc | to rclone |`,
    `| --- | ${columns.map(() => '---:').join(' | ')} | ---: | ---: |`,
  ];
  for (const [step, of] of results) {
    const seconds = columns.map((who) => (of[who] ? `${median(of[who]).toFixed(2)} s` : ''));
    // Of pairs of one round: what disturbs the machine disturbs both.
    const ratio = (who) => (of[who] ? median(of.seawall.map((own, i) => own / of[who][i])).toFixed(2) : '');
    lines.push(`| ${step} | ${seconds.join(' | ')} | ${ratio('dvc')} | ${ratio('rclone')} |`);
  }
  return lines;
}

rmSync(work, { recursive: true, force: true });
mkdirSync(join(work, 'v1'), { recursive: true });
process.chdir(work);
for (let i = 0; i < files; i++) writeRandom(join('v1', nameOf(i)), `v1/${i}`);
cpSync('v1', 'v2', { recursive: true });
for (let i = 0; i < CHANGED; i++) writeRandom(join('v2', nameOf(i)), `v2/${i}`);
console.log(
  `seed ${values.seed}; ${files} files of ${fileBytes} bytes, version 2 rewrites ${CHANGED}; ${rounds} rounds`,
);
const programs = [
  `Node.js ${process.versions.node}`,
  dvc.path && `dvc ${versionOf(dvc.path, '--version')}`,
  rclone.path && versionOf(rclone.path, 'version'),
];
console.log(
  `${availableParallelism()} × ${cpus()[0].model.trim()}, ${Math.round(totalmem() / 2 ** 30)} GiB; ${programs.filter(Boolean).join(', ')}`,
);

for (let round = 1; round <= rounds; round++) {
  const store = await startStore();
  try {
    // Not through rclone: it waits a second per file for "100 Continue" here.
    cpSync('v1', join(work, 's3', S3.bucket, 'plain'), { recursive: true });
    const lists = [seawallRound(store, round), dvcRound(store, round), rcloneRound(store), floorRound()];
    const steps = [...new Set(lists.flatMap((list) => list.map(([step]) => step)))];
    // One step of everybody, then the next: the first of them alternates.
    for (const step of steps.toSorted((a, b) => (a === 'clean') - (b === 'clean')))
      for (const list of round % 2 ? lists : lists.toReversed()) await list.find(([name]) => name === step)?.[1](step);
  } finally {
    store.child.kill('SIGKILL');
    await delay(100);
    rmSync(join(work, 's3'), { recursive: true, force: true });
  }
  console.error(
    `round ${round}: ${[...results]
      .map(
        ([step, of]) =>
          `${step} ${Object.entries(of)
            .map(([who, all]) => `${who} ${all.at(-1).toFixed(2)}`)
            .join(' ')}`,
      )
      .join('; ')}`,
  );
}
console.log(table().join('\n'));
console.log(`peak memory of seawall: ${Math.round(peak)} MB`);
writeFileSync(
  join(state, 'bench', 'datasets.json'),
  JSON.stringify(
    { seed: values.seed, rounds, files, fileBytes, results: Object.fromEntries(results), peakMb: peak },
    null,
    2,
  ),
);
process.chdir(root);
rmSync(work, { recursive: true, force: true });
