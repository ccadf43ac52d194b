import { spawn, spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { exitWithParent } from '../../src/cli/lifetime.js';
import { colors, reportOf, table } from '../../src/cli/output.js';
import { isAlive } from '../../src/stack/process-identity.js';
import { readLiveState } from '../../src/stack/state.js';
import { packageRoot } from '../../src/workers/package-root.js';
import { temporaryFolder } from '../stack/support.js';

const bin = join(packageRoot, 'bin', 'seawall.js');

function seawall(cwd: string, ...args: string[]) {
  const env = { PATH: process.env['PATH'], HOME: cwd };
  const { status, stdout, stderr } = spawnSync(process.execPath, [bin, ...args], { cwd, env, encoding: 'utf8' });
  return { status, stdout, stderr };
}

describe('exit codes and errors', () => {
  test.each([
    ['an unknown option', ['up', '--bogus']],
    ['an unknown command', ['nonsense']],
    ['a group without a command', ['worker']],
  ])('wrong usage (%s) ends with 2', (_, args) => {
    expect(seawall(temporaryFolder(), ...args).status).toBe(2);
  });

  test('wrong usage with --json is one document', () => {
    const { status, stdout } = seawall(temporaryFolder(), 'nonsense', '--json');
    expect(status).toBe(2);
    expect(JSON.parse(stdout)).toMatchObject({ error: { type: 'Usage', message: "unknown command 'nonsense'" } });
  });

  test('help and version end with 0', () => {
    const folder = temporaryFolder();
    expect(seawall(folder, '--help')).toMatchObject({ status: 0, stderr: '' });
    expect(seawall(folder, '--version').stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
  });

  test('a failure is one line and what to do next, without a stack trace', () => {
    const { status, stdout, stderr } = seawall(temporaryFolder(), 'serve');
    expect(status).toBe(1);
    expect(stdout).toBe('');
    expect(stderr).toMatch(/^seawall: no Temporal to talk to.*\n  Start one with `seawall up`.*\n$/);
  });

  test('with --json it is one document', () => {
    const { status, stdout } = seawall(temporaryFolder(), 'serve', '--json');
    expect(status).toBe(1);
    expect(JSON.parse(stdout)).toEqual({
      error: { type: 'NotFound', message: expect.stringContaining('no Temporal'), next: expect.any(String) },
    });
  });
});

test("the command line does not load Temporal's SDK until a command needs it", () => {
  const script = `
    await import(${JSON.stringify(join(packageRoot, 'dist/src/cli/main.js'))});
    const { default: module } = await import('node:module');
    console.log(Object.keys(module._cache).filter((name) => name.includes('@temporalio')).length);`;
  const { stdout } = spawnSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' });
  expect(stdout).toBe('0\n');
});

test('up whose terminal is closed stops its servers', { timeout: 120_000 }, async () => {
  const folder = temporaryFolder();
  onTestFinished(() => void seawall(folder, 'down'));
  const child = spawn(process.execPath, [bin, 'up', '--no-apps'], {
    cwd: folder,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  await new Promise((resolve) => child.stdout.once('data', resolve)); // the addresses: everything is up
  const servers = readLiveState(join(folder, '.seawall'), 'stack.json')?.children ?? [];
  expect(servers).toHaveLength(2);
  child.stdout.destroy(); // what a closed window leaves: nobody reads
  child.stderr.destroy();
  child.kill('SIGHUP');
  await new Promise((resolve) => child.once('exit', resolve));
  expect(servers.filter((server) => isAlive(server))).toEqual([]);
});

test('up --detach --json prints the addresses, down ends everything', { timeout: 120_000 }, () => {
  const folder = temporaryFolder();
  onTestFinished(() => void seawall(folder, 'down'));
  const up = seawall(folder, 'up', '--detach', '--no-apps', '--json', '--namespace', 'shell');
  expect(up).toMatchObject({ status: 0 });
  const homeDir = join(folder, '.seawall');
  expect(JSON.parse(up.stdout)).toEqual({
    temporal: expect.stringMatching(/^127\.0\.0\.1:\d+$/),
    ui: expect.stringMatching(/^http:/),
    s3: expect.stringMatching(/^http:/),
    namespace: 'shell',
    prefix: 'main',
    bucket: 'seawall',
    stateFile: join(homeDir, 'stack.json'),
  });
  const state = readLiveState(homeDir, 'stack.json');
  expect(state?.children.map(({ name }) => name).sort()).toEqual(['s3', 'temporal']);

  const second = seawall(folder, 'up', '--detach', '--no-apps', '--json');
  expect(second.status).toBe(1);
  expect(JSON.parse(second.stdout).error.message).toContain('runs in this folder already');
  const again = seawall(folder, 'up', '--detach', '--no-apps', '--json', '--namespace', 'shell');
  expect(again.status).toBe(0);
  expect(JSON.parse(again.stdout)).toEqual(JSON.parse(up.stdout)); // up already is as good as brought up
  const environment = JSON.parse(seawall(folder, 'env', '--json').stdout) as unknown;
  expect(environment).toEqual({ TEMPORAL_ADDRESS: JSON.parse(up.stdout).temporal, TEMPORAL_NAMESPACE: 'shell' });
  const doctor = JSON.parse(seawall(folder, 'doctor', '--json').stdout) as {
    checks: { name: string; status: string }[];
  };
  const statusOf = (name: string) => doctor.checks.find((check) => check.name === name)?.status;
  expect(['Temporal', 'namespace', 'search attributes', 'S3', 'conditional writes'].map(statusOf)).toEqual(
    Array.from({ length: 5 }, () => 'ok'),
  );

  const down = seawall(folder, 'down', '--json');
  expect(JSON.parse(down.stdout)).toMatchObject({ ended: [{ stateFile: 'stack.json', how: 'stopped' }] });
  for (const identity of [...(state?.children ?? []), ...(state ? [state.supervisor] : [])]) {
    expect(isAlive(identity)).toBe(false);
  }
});

test('a process with --exit-with-parent ends when its parent is killed hard', { timeout: 30_000 }, async () => {
  expect(exitWithParent).toBeTypeOf('function');
  const child = `
    const { exitWithParent } = await import(${JSON.stringify(join(packageRoot, 'dist/src/cli/lifetime.js'))});
    exitWithParent();
    console.log(process.pid);
    setInterval(() => {}, 1000);`;
  const parent = `
    require('node:child_process').spawn(process.execPath, ['--input-type=module', '-e', ${JSON.stringify(child)}],
      { detached: true, stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });`;
  const outer = spawn(process.execPath, ['-e', parent], { stdio: ['ignore', 'pipe', 'inherit'] });
  // The pipe is shared with the grandchild: it closes only when both are gone.
  const closed = new Promise((resolve) => outer.stdout.once('close', resolve));
  const pid = await new Promise<number>((resolve) =>
    outer.stdout.once('data', (text) => resolve(Number(String(text)))),
  );
  expect(pid).toBeGreaterThan(0);
  outer.kill('SIGKILL');
  await closed;
});

describe('output', () => {
  test('is plain with NO_COLOR or without a terminal', () => {
    expect(colors({}, true).red('x')).toBe('\u001b[31mx\u001b[39m');
    expect(colors({ NO_COLOR: '1' }, true).red('x')).toBe('x');
    expect(colors({}, false).red('x')).toBe('x');
  });

  test('tables align text to the left and numbers to the right', () => {
    const rows = [
      ['week', 'rows'],
      ['a', 5],
      ['bcd', 1200],
      ['e', null],
    ];
    expect(table(rows)).toEqual(['week  rows', 'a        5', 'bcd   1200', 'e        -']);
  });

  test("a failure of an activity keeps its type, the network's errors are explained", () => {
    expect(reportOf(Object.assign(new Error('gone'), { type: 'NotFound' })).type).toBe('NotFound');
    const refused = new Error('fetch failed', { cause: new Error('connect ECONNREFUSED 127.0.0.1:1') });
    expect(reportOf(refused)).toMatchObject({ type: 'Unavailable', message: expect.stringContaining('ECONNREFUSED') });
  });
});
