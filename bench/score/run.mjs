// `npm run bench:score`: scoring the flights against Python's onnxruntime with the same threads, in interleaved rounds, and what a
// contest with its intervals costs beside scoring both models. Options: --rounds N (3), --rows N (3000000), --threads N (2).
import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { parseArgs, promisify } from 'node:util';
import { root, state } from '../../scripts/lib/paths.mjs';

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '3' },
    rows: { type: 'string', default: '3000000' },
    threads: { type: 'string', default: '2' },
  },
});
const [rounds, rows, threads] = [values.rounds, values.rows, values.threads].map(Number);
const FEATURES = [
  ['hour', 'int64'],
  ['weekday', 'int64'],
  ['distance', 'float32'],
  ['origin', 'string'],
  ['destination', 'string'],
].map(([name, type]) => ({ name, type }));
const python = process.env.SEAWALL_PYTHON ?? join(state, 'venv', 'bin', 'python');
const compiled = (path) => import(join(root, 'dist', 'src', path));
const [{ createScorer }, { holdContest }, { sliceHoldout, writeBehaviourRows }, { DuckDBInstance }] = await Promise.all(
  [
    compiled('adapters/onnx/scoring.js'),
    compiled('activities/contest.js'),
    compiled('adapters/duckdb/index.js'),
    import('@duckdb/node-api'),
  ],
);
const run = promisify(execFile);

const work = join(state, 'bench', 'score');
rmSync(work, { recursive: true, force: true });
mkdirSync(join(work, 'data'), { recursive: true });
const rowsFile = join(work, 'rows.parquet');
await makeRows();
const [champion, challenger] = [await train(150), await train(200)];

async function makeRows() {
  const connection = await (await DuckDBInstance.create(':memory:')).connect();
  const flights = join(root, 'node_modules', 'vega-datasets', 'data', 'flights-3m.parquet');
  const select = `SELECT extract(hour FROM date)::BIGINT AS hour, extract(isodow FROM date)::BIGINT AS weekday,
    distance::FLOAT AS distance, origin, destination, (delay > 15)::INTEGER AS late FROM '${flights}'`;
  await connection.run(`COPY (${select} LIMIT ${rows}) TO '${rowsFile}' (FORMAT parquet)`);
  await connection.run(`COPY (${select} LIMIT 300000) TO '${join(work, 'data', 'train.parquet')}' (FORMAT parquet)`);
  connection.closeSync();
}

async function train(trees) {
  const folder = join(work, `model-${trees}`);
  const params = { params: { trees }, features: FEATURES, label: { column: 'late' }, task: 'binary', seed: 7 };
  const env = {
    ...process.env,
    SEAWALL_DATA_DIR: join(work, 'data'),
    SEAWALL_MODEL_DIR: folder,
    SEAWALL_DEVICE: 'cpu',
  };
  await run(python, [join(root, 'trainers', 'xgboost', 'train.py')], {
    env: { ...env, SEAWALL_PARAMS: JSON.stringify(params) },
  });
  return join(folder, 'model.onnx');
}

/** Seconds of processor time of this process and of its children that have ended (Linux): what other programs do hardly moves it. */
function processorSeconds() {
  const [user, system] = readFileSync('/proc/self/stat', 'utf8').split(') ')[1].split(' ').slice(13, 15).map(Number);
  const own = process.cpuUsage();
  return (user + system) / 100 + (own.user + own.system) / 1e6;
}

const timed = async (what) => {
  const [from, processor] = [performance.now(), processorSeconds()];
  await what();
  return { wall: (performance.now() - from) / 1000, processor: processorSeconds() - processor };
};
const scorer = createScorer({ threads });
const signal = new AbortController().signal;
const scoreWith = (modelFile) =>
  scorer.score({
    ...{
      subject: 'the model',
      modelFile,
      rowsFile,
      features: FEATURES,
      answering: { task: 'binary' },
      labelColumn: 'late',
    },
    ...{ workDir: mkdtempSync(join(work, 'run-')), parityFile: null, withRows: null, signal },
  });
const pythonScore = () =>
  run(python, [
    join(root, 'bench', 'score', 'score.py'),
    challenger,
    rowsFile,
    join(work, 'scores.f32'),
    String(threads),
    '16384',
  ]);
const contest = (metric) =>
  holdContest(
    { scorer, sliceHoldout, writeBehaviourRows: (request) => writeBehaviourRows({ tempDir: work }, request) },
    {
      config: {
        ...{ task: 'binary', features: FEATURES, label: { column: 'late' } },
        promotion: { metric, minGain: 0 },
        approval: { mode: 'auto', minGain: 0, deadlineMs: 1000 },
      },
      ...{ rowsFile, seed: 'bench', withRows: null, folder: mkdtempSync(join(work, 'contest-')), signal },
      challenger: { file: challenger, subject: 'the challenger', parityFile: null },
      champion: { file: champion, subject: 'the champion', features: FEATURES },
    },
  );

const median = (all) => [...all].sort((a, b) => a - b)[all.length >> 1];
const found = { python: [], seawall: [], both: [], logLoss: [], auc: [] };
for (let round = 0; round < rounds; round++) {
  const order = round % 2 === 0 ? ['python', 'seawall'] : ['seawall', 'python'];
  for (const who of order)
    found[who].push(await timed(() => (who === 'python' ? pythonScore() : scoreWith(challenger))));
  found.both.push(await timed(async () => [await scoreWith(challenger), await scoreWith(champion)]));
  for (const metric of ['logLoss', 'auc']) found[metric].push(await timed(() => contest(metric)));
  const last = Object.entries(found).map(([name, all]) => `${name} ${all.at(-1).wall.toFixed(1)} s`);
  console.error(`round ${round + 1}: ${last.join(', ')}`);
}
rmSync(work, { recursive: true, force: true });
console.log(
  `${cpus()[0].model}, ${threads} threads, ${rows} rows, medians of ${rounds} interleaved rounds, whole processes`,
);
for (const clock of ['wall', 'processor']) {
  const of = (name) => median(found[name].map((times) => times[clock]));
  const ratio = (name, base) => median(found[name].map((times, i) => times[clock] / found[base][i][clock]));
  const line = (name, what, rest) => console.log(`  ${what.padEnd(20)} ${of(name).toFixed(2).padStart(7)} s  ${rest}`);
  console.log(`${clock} time`);
  line('python', 'python onnxruntime', `${Math.round(rows / of('python'))} rows/s`);
  line(
    'seawall',
    'seawall',
    `${Math.round(rows / of('seawall'))} rows/s, ${(1 / ratio('seawall', 'python')).toFixed(2)} x python`,
  );
  line('logLoss', 'contest by log loss', `${ratio('logLoss', 'both').toFixed(2)} x scoring both`);
  line('auc', 'contest by AUC', `${ratio('auc', 'both').toFixed(2)} x scoring both`);
}
