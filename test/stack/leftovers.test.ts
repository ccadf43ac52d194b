import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import type { StackEvent } from '../../src/stack/events.js';
import { endLeftovers, endStacks } from '../../src/stack/leftovers.js';
import { identityOf } from '../../src/stack/process-identity.js';
import type { ProcessIdentity } from '../../src/stack/process-identity.js';
import { claimState, readState } from '../../src/stack/state.js';
import type { StackState } from '../../src/stack/state.js';
import { temporaryFolder } from './support.js';

async function runningProcess(script = `setInterval(() => {}, 1000)`) {
  const child = spawn(process.execPath, ['-e', `console.log('up'); ${script}`], {
    detached: true,
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  await once(child.stdout, 'data');
  onTestFinished(() => void child.kill('SIGKILL'));
  const identity = identityOf(child.pid ?? 0);
  if (!identity) throw new Error('the process is gone');
  return { child, identity, ended: once(child, 'exit') };
}

async function deadProcess(): Promise<ProcessIdentity> {
  const { child, identity, ended } = await runningProcess();
  child.kill('SIGKILL');
  await ended;
  return identity;
}

function stateOf(supervisor: ProcessIdentity, children: StackState['children']): StackState {
  return {
    kind: 'seawall.stack',
    schema: 1,
    supervisor,
    startedAt: '2026-01-01T00:00:00Z',
    ready: true,
    addresses: { temporal: '127.0.0.1:1', s3: 'http://127.0.0.1:1' },
    namespace: 'n',
    prefix: 'p',
    bucket: 'b',
    region: 'us-east-1',
    embedded: { temporal: true, s3: true },
    children,
  };
}

test('children of a dead supervisor are ended; a pid that now belongs to another process is left alone', async () => {
  const homeDir = temporaryFolder();
  const leftover = await runningProcess();
  const stranger = await runningProcess();
  const reused = { name: 's3', pid: stranger.identity.pid, startTime: 'an earlier process' };
  const state = stateOf(await deadProcess(), [{ name: 'temporal', ...leftover.identity }, reused]);
  claimState(homeDir, 'stack.json', state);
  const events: StackEvent[] = [];

  await endLeftovers(homeDir, (event) => events.push(event));

  await leftover.ended;
  expect(identityOf(stranger.identity.pid)).toEqual(stranger.identity);
  expect(events).toEqual([{ kind: 'leftoverEnded', name: 'temporal', pid: leftover.identity.pid }]);
  expect(existsSync(join(homeDir, 'stack.json'))).toBe(false);
});

test('the children of a living supervisor are not touched', async () => {
  const homeDir = temporaryFolder();
  const supervisor = await runningProcess();
  const child = await runningProcess();
  const state = stateOf(supervisor.identity, [{ name: 'temporal', ...child.identity }]);
  claimState(homeDir, 'demo.json', state);
  await endLeftovers(homeDir, () => undefined);
  expect(identityOf(child.identity.pid)).toEqual(child.identity);
  expect(readState(homeDir, 'demo.json')).toEqual(state);
});

test('a supervisor that does not stop is killed, and its children are ended', async () => {
  const homeDir = temporaryFolder();
  const supervisor = await runningProcess(`process.on('SIGTERM', () => {}); setInterval(() => {}, 1000)`);
  const child = await runningProcess();
  claimState(homeDir, 'stack.json', stateOf(supervisor.identity, [{ name: 's3', ...child.identity }]));
  const ended = await endStacks(homeDir, () => undefined, 300);
  await Promise.all([supervisor.ended, child.ended]);
  expect(ended).toEqual([{ stateFile: 'stack.json', supervisorPid: supervisor.identity.pid, how: 'killed' }]);
});

test('of two supervisors that claim the state file, one wins', async () => {
  const homeDir = temporaryFolder();
  const { identity } = await runningProcess();
  expect(claimState(homeDir, 'stack.json', stateOf(identity, []))).toBe(true);
  expect(claimState(homeDir, 'stack.json', stateOf({ pid: 1, startTime: 'x' }, []))).toBe(false);
  expect(readState(homeDir, 'stack.json')?.supervisor).toEqual(identity);
});
