// `npm run bench:monitor`: two tables compared, from Parquet to a JSON report, by Seawall and its peers, in interleaved rounds.
// Options: --rounds N (5), --large (also 30 M rows), --own (Seawall and the NumPy floor alone), --part months|halves|scaling.
import { spawn } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { availableParallelism, cpus, totalmem } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { root, state } from '../../scripts/lib/paths.mjs';
import { prepareData } from './data.mjs';
import { findPeer } from './peers.mjs';

const { values: options } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    large: { type: 'boolean', default: false },
    own: { type: 'boolean', default: false },
    part: { type: 'string', default: 'all' },
  },
});
const rounds = Number(options.rounds);
const here = dirname(fileURLToPath(import.meta.url));
const work = join(state, 'bench', 'monitor');
mkdirSync(work, { recursive: true });
const data = await prepareData(join(state, 'bench', 'monitor-data'), options.large);
const cli = join(root, 'bin', 'seawall.js');
const roles = ['--label', 'late', '--prediction', 'prediction'];
const peers = Object.fromEntries(['evidently', 'nannyml'].map((name) => [name, findPeer(name)]));
for (const { name, missing } of Object.values(peers)) if (missing) console.error(`${name} is left out: ${missing}`);

/** Runs a program to its end: seconds with start-up, those it has measured itself, processor time, peak of resident memory in MB. */
async function timed(command, args) {
  const since = performance.now();
  const env = { ...process.env, NML_DISABLE_USAGE_LOGGING: '1', DO_NOT_TRACK: '1', PYTHONWARNINGS: 'ignore' };
  const child = spawn(command, args, { cwd: work, env, stdio: ['ignore', 'pipe', 'pipe'] });
  let [output, errors] = ['', ''];
  child.stdout.on('data', (chunk) => (output += chunk));
  child.stderr.on('data', (chunk) => (errors += chunk));
  let [peakMb, cpu] = [0, 0];
  const watch = setInterval(() => {
    try {
      const [, kb] = /VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${child.pid}/status`, 'utf8')) ?? [];
      peakMb = Math.max(peakMb, Number(kb ?? 0) / 1024);
      // Fields 14 and 15: ticks of 10 ms in user and in system mode.
      const fields = readFileSync(`/proc/${child.pid}/stat`, 'utf8').split(') ')[1].split(' ');
      cpu = (Number(fields[11]) + Number(fields[12])) / 100;
    } catch {
      // it has ended
    }
  }, 10);
  const code = await new Promise((resolve, reject) => child.on('error', reject).on('close', resolve));
  clearInterval(watch);
  const process_ = (performance.now() - since) / 1000;
  if (code !== 0) throw new Error(`${command} ${args.join(' ')} ended with ${code}:\n${errors.slice(-2000)}`);
  const own = command === process.execPath && args[0] === cli ? null : JSON.parse(output.trim().split('\n').at(-1));
  return { seconds: own?.seconds ?? process_, process: process_, cpu, peakMb, own };
}

const seawall = (reference, current) => () =>
  timed(process.execPath, [join(here, 'seawall.mjs'), reference, current, 'late', 'prediction']);
const command = (reference, current) => () =>
  timed(process.execPath, [cli, 'compare', reference, current, ...roles, '--json']);
const python =
  (peer, script, ...args) =>
  () =>
    timed(peers[peer].python, [join(here, script), ...args]);

/** What runs on a pair of files, by name. */
function contestants(reference, current, stored) {
  const own = {
    seawall: seawall(reference, current),
    'seawall, reference stored': seawall(stored, current),
    'seawall compare': command(reference, current),
  };
  const there = (peer) => !peers[peer].missing;
  return {
    ...own,
    ...(there('nannyml') || there('evidently')
      ? { 'NumPy by hand': python(there('nannyml') ? 'nannyml' : 'evidently', 'numpy_floor.py', reference, current) }
      : {}),
    ...(there('nannyml') && !options.own
      ? {
          NannyML: python('nannyml', 'nannyml_report.py', reference, current),
          'NannyML, with its estimate': python('nannyml', 'nannyml_report.py', reference, current, 'estimate'),
        }
      : {}),
    ...(there('evidently') && !options.own
      ? {
          Evidently: python('evidently', 'evidently_report.py', reference, current),
          'Evidently, by its presets': python('evidently', 'evidently_report.py', reference, current, 'presets'),
        }
      : {}),
  };
}

const median = (numbers) => numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)];
const all = (results, key) => results.map((one) => one[key]);

async function store(reference) {
  const out = join(work, `${reference.split('/').at(-1)}.json`);
  await timed(process.execPath, [cli, 'profile', reference, ...roles, '--out', out]);
  return out;
}

/** Interleaved, the order turned round each time: what disturbs the machine disturbs all. */
async function race(title, reference, current) {
  const running = contestants(reference, current, await store(reference));
  const results = Object.fromEntries(Object.keys(running).map((name) => [name, []]));
  for (let round = 1; round <= rounds; round++) {
    const names = Object.keys(running);
    for (const name of round % 2 ? names : names.toReversed()) results[name].push(await running[name]());
    const last = names.map((name) => `${name} ${results[name].at(-1).seconds.toFixed(2)}`);
    console.error(`${title}, round ${round}: ${last.join('; ')}`);
    // What there is, for whoever cannot wait for the end.
    writeFileSync(join(work, 'so-far.md'), `${round} rounds\n\n${table(title, results)}\n`);
  }
  sameFigures(results);
  return results;
}

/** They must have answered the same question. */
function sameFigures(results) {
  const found = Object.entries(results).flatMap(([name, runs]) => (runs[0].own ? [{ name, ...runs[0].own }] : []));
  for (const key of ['auc', 'accuracy', 'logLoss']) {
    const known = found.filter((one) => one[key] !== undefined);
    const apart = Math.max(...known.map((one) => one[key])) - Math.min(...known.map((one) => one[key]));
    if (apart > 1e-4) throw new Error(`${key} differs: ${JSON.stringify(known)}`);
  }
}

function table(title, results) {
  // Ratios are medians over pairs of one round.
  const ratio = (name, key, own, ownKey) =>
    results[name] && results[own]
      ? `${median(results[name].map((run, i) => run[key] / results[own][i][ownKey])).toFixed(1)}`
      : '';
  const lines = [
    `| ${title} | seconds | with start-up | processor seconds | peak MB | times seawall | times stored reference | with start-up, times \`seawall compare\` |`,
    '| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |',
  ];
  for (const [name, runs] of Object.entries(results)) {
    const isCommand = name === 'seawall compare';
    lines.push(
      `| ${[
        name,
        isCommand ? '' : median(all(runs, 'seconds')).toFixed(2),
        median(all(runs, 'process')).toFixed(2),
        median(all(runs, 'cpu')).toFixed(2),
        Math.round(Math.max(...all(runs, 'peakMb'))),
        isCommand ? '' : ratio(name, 'seconds', 'seawall', 'seconds'),
        isCommand ? '' : ratio(name, 'seconds', 'seawall, reference stored', 'seconds'),
        ratio(name, 'process', 'seawall compare', 'process'),
      ].join(' | ')} |`,
    );
  }
  return lines.join('\n');
}

/** Seconds by new rows and by the reference's size, the reference stored. */
async function scaling() {
  const sizes = {
    january: 508_239,
    'first-half': 1_500_000,
    all: 3_000_000,
    ...(options.large ? { tenfold: 30_000_000 } : {}),
  };
  const names = Object.keys(sizes);
  const stored = {};
  for (const name of names) stored[name] = await store(data[name]);
  const cells = {};
  for (let round = 0; round < rounds; round++) {
    for (const reference of names)
      for (const current of names)
        (cells[`${reference}/${current}`] ??= []).push(await seawall(stored[reference], data[current])());
  }
  const rows = (name) => sizes[name].toLocaleString('en');
  return [
    `| rows of the reference (stored) | ${names.map((name) => `${rows(name)} new rows`).join(' | ')} |`,
    `| --- | ${names.map(() => '---:').join(' | ')} |`,
    ...names.map((reference) => {
      const line = names.map((current) => {
        const runs = cells[`${reference}/${current}`];
        return `${median(all(runs, 'seconds')).toFixed(2)} s, ${Math.round(Math.max(...all(runs, 'peakMb')))} MB`;
      });
      return `| ${rows(reference)} | ${line.join(' | ')} |`;
    }),
  ].join('\n');
}

const lines = [
  `Node.js ${process.versions.node}, ${availableParallelism()} × ${cpus()[0].model.trim()}, ${Math.round(totalmem() / 2 ** 30)} GiB; ${rounds} rounds`,
];
const results = {};
const wants = (part) => ['all', part].includes(options.part);
if (wants('months')) {
  results.months = await race('January and February', data.january, data.february);
  lines.push(table('January (508,239 rows) and February (458,170)', results.months));
}
if (wants('halves')) {
  results.halves = await race('two halves of 3 M rows', data['first-half'], data['second-half']);
  lines.push(table('two halves of 3,000,000 rows', results.halves));
}
if (wants('scaling')) lines.push(await scaling());
console.log(lines.join('\n\n'));
writeFileSync(join(state, 'bench', 'monitor.json'), JSON.stringify({ rounds, ...results, table: lines }, null, 2));
