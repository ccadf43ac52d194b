/** `.ci/run` never takes silence for success. A stand-in for npm writes (or does not write) the reports that it counts. */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chmod, cp, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const ROOT = resolve(import.meta.dirname, '../..');

interface Outcome {
  code: number;
  /** undefined: it ends without a report. */
  report?: unknown;
}

const FINE_CHECK: Outcome = {
  code: 0,
  report: [
    { name: 'types', passed: true },
    { name: 'lint', passed: true },
  ],
};

const file = (status: string, ...tests: string[]) => ({
  name: join(ROOT, 'test/some.test.ts'),
  status,
  assertionResults: tests.map((each) => ({ status: each, fullName: `is ${each}`, duration: 5 })),
});
const vitest = (code: number, ...testResults: ReturnType<typeof file>[]): Outcome => ({
  code,
  report: { testResults },
});

describe('.ci/run', () => {
  let folder: string;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'seawall-ci-test-'));
    await cp(join(ROOT, '.ci'), join(folder, 'project/.ci'), { recursive: true });
    await cp(join(ROOT, 'scripts'), join(folder, 'project/scripts'), { recursive: true });
    await mkdir(join(folder, 'bin'));
    await symlink(process.execPath, join(folder, 'bin/node'));
    await writeFile(join(folder, 'bin/npm'), NPM);
    await chmod(join(folder, 'bin/npm'), 0o755);
  });

  afterAll(() => rm(folder, { recursive: true, force: true }));

  function run(outcomes: { check: Outcome; test: Outcome }, path = `${join(folder, 'bin')}:/usr/bin:/bin`) {
    // A browser is there: a test installs nothing on the machine.
    const env = { PATH: path, OUTCOMES: JSON.stringify(outcomes), SEAWALL_CHROMIUM: process.execPath };
    const result = spawnSync('/bin/bash', [join(folder, 'project/.ci/run')], { cwd: '/', env, encoding: 'utf8' });
    return { status: result.status, output: result.stdout, last: result.stdout.trimEnd().split('\n').at(-1) };
  }

  it('sums the parts of the check and the tests, from any folder', () => {
    const { status, last, output } = run({ check: FINE_CHECK, test: vitest(0, file('passed', 'passed', 'pending')) });
    expect({ status, last }).toEqual({ status: 0, last: '3 passed, 0 failed' });
    expect(output).toContain('test/some.test.ts > is passed');
  });

  it('fails with a failed part of the check', () => {
    const check = {
      code: 1,
      report: [
        { name: 'types', passed: true },
        { name: 'lint', passed: false },
      ],
    };
    const { status, last } = run({ check, test: vitest(0, file('passed', 'passed')) });
    expect({ status, last }).toEqual({ status: 1, last: '2 passed, 1 failed' });
  });

  it('fails with a failed test, and with a file that could not be loaded', () => {
    const test = vitest(1, file('failed', 'passed', 'failed'), file('failed'), file('passed', 'passed'));
    const { status, last, output } = run({ check: FINE_CHECK, test });
    expect({ status, last }).toEqual({ status: 1, last: '4 passed, 2 failed' });
    expect(output).toContain('is failed');
  });

  it('fails when all tests pass and vitest does not (an error outside of any test)', () => {
    const { status, last } = run({ check: FINE_CHECK, test: vitest(1, file('passed', 'passed')) });
    expect({ status, last }).toEqual({ status: 1, last: '3 passed, 1 failed' });
  });

  it('fails when nothing was tested', () => {
    const { status, last } = run({ check: FINE_CHECK, test: vitest(0) });
    expect({ status, last }).toEqual({ status: 1, last: '2 passed, 1 failed' });
  });

  it('fails when set-up ends before there is a report', () => {
    const { status, last } = run({ check: { code: 1 }, test: { code: 1 } });
    expect({ status, last }).toEqual({ status: 1, last: '0 passed, 2 failed' });
  });

  it('fails without node', async () => {
    const bare = join(folder, 'bare');
    await mkdir(bare);
    for (const name of ['mktemp', 'rm', 'tail', 'dirname']) {
      const place = ['/usr/bin', '/bin'].map((each) => join(each, name)).find((each) => existsSync(each)) ?? '';
      await symlink(place, join(bare, name));
    }
    const { status, last } = run({ check: FINE_CHECK, test: vitest(0, file('passed', 'passed')) }, bare);
    expect({ status, last }).toEqual({ status: 1, last: '0 passed, 1 failed' });
  });
});

/** `npm run check -- --report=FILE` and `npm test -- … --outputFile.json=FILE`, as `.ci/run` calls them. */
const NPM = `#!/usr/bin/env node
const { writeFileSync } = require('node:fs');
const args = process.argv.slice(2);
const outcome = JSON.parse(process.env.OUTCOMES)[args[0] === 'run' ? args[1] : args[0]];
const file = args.map((arg) => /^--(?:report|outputFile.json)=(.*)$/.exec(arg)?.[1]).find(Boolean);
if (outcome.report !== undefined) writeFileSync(file, JSON.stringify(outcome.report));
process.exitCode = outcome.code;
`;
