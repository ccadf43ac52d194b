// What `.ci/run` runs: `npm run check` and, with a Chromium to look at pages, `npm test`, their output on the terminal and in `.seawall/ci/output.log`, their
// outcomes counted from their JSON reports. `node scripts/ci.mjs FILE` writes the verdict into FILE; `.ci/run` prints it last.
import { spawn } from 'node:child_process';
import { createWriteStream, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ensureBrowser } from './lib/browser.mjs';
import { countChecks, countTests, describeTests, readReport } from './lib/ci-reports.mjs';
import { root, state } from './lib/paths.mjs';
import { elapsed } from './lib/progress.mjs';

/** Ends what hangs; set-up on a bare machine (Go build, Python packages) is part of it. */
const STEP_LIMIT_MS = 45 * 60_000;
/** After the program has ended, something that it left behind may still hold its output open. */
const DRAIN_LIMIT_MS = 5_000;

const [verdictFile] = process.argv.slice(2);
if (verdictFile === undefined) {
  process.stderr.write('Usage: node scripts/ci.mjs FILE (see .ci/run)\n');
  process.exit(2);
}

const reports = mkdtempSync(join(tmpdir(), 'seawall-ci-'));
process.on('exit', () => rmSync(reports, { recursive: true, force: true }));
mkdirSync(join(state, 'ci'), { recursive: true });
const log = createWriteStream(join(state, 'ci', 'output.log'));

function print(text) {
  process.stdout.write(text);
  log.write(text);
}

/** Runs `npm …` in the project, its output shown as it comes; gives its exit code. */
function npm(...args) {
  print(`\n$ npm ${args.join(' ')}\n`);
  const since = performance.now();
  const child = spawn('npm', args, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'], detached: true });
  const limit = setTimeout(() => {
    print(`npm ${args[0]} did not end within ${STEP_LIMIT_MS / 60_000} minutes: ended\n`);
    if (child.pid) process.kill(-child.pid, 'SIGKILL');
  }, STEP_LIMIT_MS);
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', print);
  return new Promise((resolve) => {
    const end = (code) => {
      clearTimeout(limit);
      print(`(exit code ${code}, ${elapsed(since)})\n`);
      resolve(code);
    };
    child.once('error', (error) => {
      print(`npm cannot be started: ${error.message}\n`);
      end(127);
    });
    child.once('exit', (code) => {
      const drain = setTimeout(() => {
        child.stdout.destroy();
        child.stderr.destroy();
      }, DRAIN_LIMIT_MS);
      child.once('close', () => {
        clearTimeout(drain);
        end(code ?? 1);
      });
    });
  });
}

const checkReport = join(reports, 'check.json');
const checkCode = await npm('run', 'check', '--', `--report=${checkReport}`);

await ensureBrowser(print);
const testReport = join(reports, 'vitest.json');
const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${testReport}`];
const testCode = await npm('test', '--', ...reporters);

const tests = readReport(testReport);
if (tests) print(describeTests(tests, root));

const counts = [countChecks(readReport(checkReport), checkCode), countTests(tests, testCode)];
const passed = counts.reduce((sum, each) => sum + each.passed, 0);
const failed = counts.reduce((sum, each) => sum + each.failed, 0);
print(`check: ${counts[0].passed} passed, ${counts[0].failed} failed\n`);
print(`tests: ${counts[1].passed} passed, ${counts[1].failed} failed, ${counts[1].skipped} skipped\n`);
writeFileSync(verdictFile, `${passed} passed, ${failed} failed\n`);
process.exitCode = failed === 0 && passed > 0 ? 0 : 1;
log.end();
