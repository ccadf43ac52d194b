import { readFileSync } from 'node:fs';
import { describe, expect, onTestFinished, test } from 'vitest';
import { nextBackoffMs, supervise } from '../../src/stack/child.js';
import type { ChildSpec, SupervisedChild } from '../../src/stack/child.js';
import { startTimeOf } from '../../src/stack/process-identity.js';
import type { ProcessIdentity } from '../../src/stack/process-identity.js';
import { eventLog, SAYS_READY, scriptSpec, temporaryFolder } from './support.js';

function start(spec: ChildSpec) {
  const log = eventLog();
  const identities: (ProcessIdentity | undefined)[] = [];
  const child: SupervisedChild = supervise(spec, {
    onEvent: log.onEvent,
    onIdentity: (identity) => identities.push(identity),
  });
  onTestFinished(() => child.stop());
  return { child, log, identities };
}

describe('a supervised child', () => {
  test('is started again, as a new process, when it is killed', async () => {
    const { child, log, identities } = start(scriptSpec(temporaryFolder(), SAYS_READY));
    await child.firstReady;
    const first = identities.at(-1);
    const readyAgain = log.next('ready', 'app');
    process.kill(first?.pid ?? 0, 'SIGKILL');
    await readyAgain;
    const second = identities.at(-1);
    expect(second?.pid).not.toBe(first?.pid);
    expect(startTimeOf(second?.pid ?? 0)).toBe(second?.startTime);
    expect(log.seen).toContainEqual({ kind: 'died', name: 'app', reason: 'signal SIGKILL', restartInMs: 500 });
  });

  test('that ends before it was ready is not tried again, and the end of its log is shown', async () => {
    const { child, log } = start(scriptSpec(temporaryFolder(), `console.error('no such thing'); process.exit(3)`));
    await expect(child.firstReady).rejects.toThrow(/did not start \(exit code 3\)[\s\S]*no such thing/);
    expect(log.seen.filter(({ kind }) => kind === 'started')).toHaveLength(1);
  });

  test('that dawdles is ended', async () => {
    const spec = scriptSpec(temporaryFolder(), `setInterval(() => {}, 1000)`, { readyWithinMs: 200 });
    const { child, identities } = start(spec);
    const first = identities[0];
    await expect(child.firstReady).rejects.toThrow(/did not start/);
    expect(startTimeOf(first?.pid ?? 0)).toBeUndefined();
  });

  test('stops on SIGTERM, and by force after its grace period', async () => {
    const folder = temporaryFolder();
    const polite = start(scriptSpec(folder, SAYS_READY));
    await polite.child.firstReady;
    await polite.child.stop();
    expect(polite.log.seen.at(-1)).toEqual({ kind: 'stopped', name: 'app', killed: false });

    const stubborn = start(scriptSpec(folder, `process.on('SIGTERM', () => {}); ${SAYS_READY}`, { stopGraceMs: 300 }));
    await stubborn.child.firstReady;
    const pid = stubborn.identities.at(-1)?.pid ?? 0;
    await stubborn.child.stop();
    expect(stubborn.log.seen.at(-1)).toEqual({ kind: 'stopped', name: 'app', killed: true });
    expect(startTimeOf(pid)).toBeUndefined();
  });

  test('writes its standard output to its log', async () => {
    const spec = scriptSpec(temporaryFolder(), `console.log('hello from the child'); ${SAYS_READY}`);
    const { child } = start(spec);
    await child.firstReady;
    expect(readFileSync(spec.logFile, 'utf8')).toContain('hello from the child\n{"ready":true}');
  });
});

test('the delay before a restart doubles up to 30 s, and is short again after 30 s of health', () => {
  const delays = [0, 500, 1_000, 16_000, 30_000].map((previous) => nextBackoffMs(previous, 0));
  expect(delays).toEqual([500, 1_000, 2_000, 30_000, 30_000]);
  expect(nextBackoffMs(16_000, 29_999)).toBe(30_000);
  expect(nextBackoffMs(16_000, 30_000)).toBe(500);
});
