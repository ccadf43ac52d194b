// `npm start`, `npm test`, `npm run check` and the proofs come here: from nothing, all set-up that the command needs, then the command.
// Node's own modules only: it runs before `npm ci` has.
import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { exec } from './lib/exec.mjs';
import { withSetupLock } from './lib/lock.mjs';
import { root, state } from './lib/paths.mjs';
import { elapsed, SetupError } from './lib/progress.mjs';
import { checkNode, ensureNodeModules, ensureTrainerPackages, findPython } from './lib/toolchain.mjs';
import { ensureBinaries, fail, neededBinaries } from './setup.mjs';

const nodeModule = (...path) => join(root, 'node_modules', ...path);

/** Everything that running the stack and its trainer takes. */
async function setUp(extraBinaries = []) {
  checkNode();
  findPython();
  await withSetupLock(async () => {
    await ensureNodeModules();
    const { build } = await import('./build.mjs');
    await build();
  });
  await ensureBinaries([...neededBinaries(process.env), ...extraBinaries]);
  await withSetupLock(ensureTrainerPackages);
}

async function start(args) {
  await setUp();
  return runForeground([join(root, 'bin', 'seawall.js'), '--exit-with-parent', 'demo', 'flights', ...args]);
}

async function test(args) {
  await setUp(['temporal-test-server', 'temporal', 'versitygw']);
  // The other ready trainers run in the environment that set-up makes.
  await withSetupLock(() => ensureTrainerPackages('lightgbm'));
  return runForeground([nodeModule('vitest', 'vitest.mjs'), 'run', ...args]);
}

/** `proof NAME [--seed N …]`: a long proof; its options reach it as PROOF_SEED and the like. */
async function proof([name, ...args]) {
  await setUp(['temporal-test-server', 'temporal', 'versitygw']);
  for (let i = 0; i < args.length; i += 2) {
    const option = /^--([a-z]+)$/.exec(args[i])?.[1];
    if (option === undefined || args[i + 1] === undefined)
      throw new SetupError(`${args[i]} is not an option with a value`);
    process.env[`PROOF_${option.toUpperCase()}`] = args[i + 1];
  }
  const config = ['--config', join(root, 'vitest.proofs.config.ts')];
  return runForeground([nodeModule('vitest', 'vitest.mjs'), 'run', ...config, `test/proofs/${name}.proof.ts`]);
}

/** `run PROGRAM [arguments]`: a compiled program of the project, after set-up. */
async function runProgram([program, ...args]) {
  await setUp();
  return runForeground([join(root, program), ...args]);
}

const checks = [
  ['types', [nodeModule('typescript', 'bin', 'tsc'), '-p', 'tsconfig.check.json']],
  ['lint', [nodeModule('oxlint', 'bin', 'oxlint'), '--type-aware', '--deny-warnings', '.']],
  // Only files that changed since the last time are looked at again: by content, a checkout touches every file.
  [
    'format',
    [
      nodeModule('prettier', 'bin', 'prettier.cjs'),
      ...['--check', '.', '--log-level', 'warn'],
      ...['--cache', '--cache-strategy', 'content', '--cache-location', join(state, 'cache', 'prettier.json')],
    ],
  ],
  [
    'imports',
    [nodeModule('dependency-cruiser', 'bin', 'dependency-cruise.mjs'), '--config', '.dependency-cruiser.cjs', 'src'],
  ],
];

/** `--report=FILE` writes `[{name, passed}]` as JSON, for `.ci/run`. */
async function check(args) {
  const report = args.find((arg) => arg.startsWith('--report='))?.slice('--report='.length);
  checkNode();
  await withSetupLock(ensureNodeModules);
  const outcomes = await Promise.all(
    checks.map(async ([name, program]) => {
      const since = performance.now();
      const { code, output } = await exec(process.execPath, program, { cwd: root });
      const passed = code === 0;
      const text = passed ? '' : `${output.trimEnd()}\n`;
      process.stdout.write(`${passed ? 'PASS' : 'FAIL'} ${name} (${elapsed(since)})\n${text}`);
      return { name, passed };
    }),
  );
  if (report) writeFileSync(report, `${JSON.stringify(outcomes)}\n`);
  return outcomes.every((outcome) => outcome.passed) ? 0 : 1;
}

/**
 * Runs a Node program with this terminal and passes its exit code on. The child leads its own process group, because npm and
 * the terminal both signal this process's group: the child gets a signal exactly once, from here. A second Ctrl-C, a while
 * later, is passed on as well. The channel (`ipc`) closes with this process: the child ends even if this one is killed hard.
 */
function runForeground(args) {
  const child = spawn(process.execPath, args, {
    cwd: root,
    detached: true,
    stdio: ['inherit', 'inherit', 'inherit', 'ipc'],
  });
  let lastSignalAt = -Infinity;
  const forward = (signal) => {
    if (performance.now() - lastSignalAt < 1_000) return;
    lastSignalAt = performance.now();
    child.kill(signal === 'SIGHUP' ? 'SIGTERM' : signal);
  };
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => forward(signal));
  return new Promise((resolve, reject) => {
    child.on('error', (error) => reject(new SetupError(`cannot start ${args[0]}: ${error.message}`)));
    child.on('exit', (code, signal) => resolve(code ?? (signal === 'SIGINT' ? 130 : 143)));
  });
}

/**
 * npm runs scripts through a shell; a SIGTERM to npm ends that shell and stops there. When the shell is gone, the same signal
 * is raised here. Only under npm: a program started in the background may well outlive its shell.
 */
function endWithNpm() {
  if (!process.env.npm_lifecycle_event) return;
  const shell = process.ppid;
  const watch = setInterval(() => {
    if (process.ppid === shell) return;
    clearInterval(watch);
    process.kill(process.pid, 'SIGTERM');
  }, 1_000);
  watch.unref();
}

const commands = { start, test, check, proof, run: runProgram };
const [name = '', ...args] = process.argv.slice(2);
if (!Object.hasOwn(commands, name)) {
  process.stderr.write('Usage: node scripts/bootstrap.mjs start|test|check|proof|run [arguments]\n');
  process.exitCode = 2;
} else {
  endWithNpm();
  await commands[name](args).then((code) => {
    process.exitCode = code;
  }, fail);
}
