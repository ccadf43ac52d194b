/**
 * One story on real servers, with the real trainer on a slice of the real data: a model is made, and everything around it dies
 * once. The tests follow each other.
 */
import { randomUUID } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { prepareFlights, type FlightsData } from '../../examples/flights/data.js';
import { type AuditRecord, keys, type LoopStatus, type RunStatus } from '../../src/contracts/index.js';
import { lateFlightsYaml } from '../support/late-flights.js';
import { collect, newestRecord, processesOf, sha256sum, startSystem, type System, until } from '../support/system.js';

// One training on a busy machine takes 40 s; what waits too long says itself what it waited for.
vi.setConfig({ testTimeout: 180_000 });

const MODEL = 'late';
const NAMESPACE = `e2e-${randomUUID().slice(0, 8)}`;
let system: System;
let data: FlightsData;

/** Many trees, so that there is time to kill things. */
const config = (trainer: string, gate?: string) => lateFlightsYaml(MODEL, trainer, gate);

beforeAll(async () => {
  [system, data] = await Promise.all([
    startSystem(NAMESPACE),
    prepareFlights({ cacheDir: join(process.cwd(), '.seawall', 'cache'), weeks: 1, slice: 0.05 }),
  ]);
});
afterAll(() => system?.stop());

async function apply(yaml: string): Promise<void> {
  const file = join(system.folder, 'model.yaml');
  await writeFile(file, yaml);
  const { code, stderr } = await system.seawall('model', 'apply', file, '--by', 'test');
  expect(code, stderr).toBe(0);
}
const loopStatus = () => system.client.workflow.getHandle(`model/${MODEL}`).query<LoopStatus, []>('status');
const runStatus = (n: number) => system.client.workflow.getHandle(`train/${MODEL}/${n}`).query<RunStatus, []>('status');
const record = (n: number) => newestRecord(system.store, MODEL, n);
const waiting = (n: number) =>
  until(`run ${n} waits for a person`, async () => {
    const now = await record(n);
    if (now?.outcome) throw new Error(`run ${n} does not wait, it has ended: ${JSON.stringify(now.outcome)}`);
    return now?.phase === 'awaitingApproval' ? runStatus(n) : undefined;
  });
const ended = (n: number) => until(`run ${n} has ended`, async () => (await record(n))?.outcome ?? undefined);
const audits = async (): Promise<AuditRecord[]> => collect(system.store.records.list<AuditRecord>(keys.audit(MODEL)));
const approveBySignal = async (n: number) => {
  const { waitingFor } = await waiting(n);
  const { challenger, evidence } = waitingFor ?? {};
  const input = JSON.stringify({ messageId: randomUUID(), by: 'ada', challenger, evidence });
  await system.temporal(
    'workflow',
    'signal',
    '--workflow-id',
    `train/${MODEL}/${n}`,
    '--name',
    'approve',
    '--input',
    input,
  );
};
const kill = (name: string): number => {
  const pid = system.pidOf(name);
  if (pid === undefined) throw new Error(`the stack has no child ${name}`);
  process.kill(pid, 'SIGKILL');
  return pid;
};
const restarted = (name: string, pid: number) =>
  until(`${name} was started again`, async () => ![pid, undefined].includes(system.pidOf(name)));
const servedRelease = async () => {
  const response = await fetch(`${system.stack.addresses.serving}/v2/models/${MODEL}/infer`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      inputs: [
        { name: 'hour', shape: [1, 1], datatype: 'INT64', data: [18] },
        { name: 'weekday', shape: [1, 1], datatype: 'INT64', data: [5] },
        { name: 'distance', shape: [1, 1], datatype: 'FP32', data: [733] },
        { name: 'origin', shape: [1, 1], datatype: 'BYTES', data: ['ORD'] },
        { name: 'destination', shape: [1, 1], datatype: 'BYTES', data: ['LGA'] },
      ],
    }),
  });
  if (response.status === 404 || response.status === 503) return undefined;
  expect(response.status, await response.clone().text()).toBe(200);
  return ((await response.json()) as { model_version: string }).model_version;
};

describe('the first champion', () => {
  it('is trained, waits for a person, is approved by a raw signal, and serves', async () => {
    await apply(config('use: xgboost, params: { trees: 5 }'));
    const january = [{ path: data.january.path, localFile: data.january.file }];
    await system.store.datasets.commitVersion('flights', january, { by: 'test' });
    const input = JSON.stringify({ model: MODEL });
    await system.temporal(
      'workflow',
      'start',
      '--type',
      'modelLoop',
      '--workflow-id',
      `model/${MODEL}`,
      '--task-queue',
      'loop',
      '--input',
      input,
    );
    await approveBySignal(1);
    expect(await ended(1)).toMatchObject({ kind: 'released', release: 1 });
    expect(await until('serving has it', servedRelease)).toBe('1');
  });

  it('is live with exactly the bytes that were evaluated and approved', async () => {
    const pointer = await system.store.pointers.read(MODEL);
    const first = await record(1);
    expect(pointer).toMatchObject({ epoch: 1, champion: { release: 1, sha256: first?.challenger?.sha256 } });
    expect(first?.approval).toMatchObject({
      verdict: 'approved',
      by: 'ada',
      challenger: first?.challenger?.sha256,
      evidence: first?.evidence,
    });
    const file = join(system.folder, 'live.onnx');
    await system.store.blobs.fetchTo(pointer?.champion.sha256 ?? '', file);
    expect(await sha256sum(file)).toBe(pointer?.champion.sha256);
  });

  it('shows up in the list by its search attributes', async () => {
    const query = `SeawallModel = "${MODEL}" AND SeawallRelease = 1 AND SeawallState = "watching"`;
    await until('listed', async () => (await collect(system.client.workflow.list({ query }))).length === 1);
  });
});

describe('a gpu worker that is killed in the middle of training', () => {
  it('leaves no trainer behind, and the run ends with a model', async () => {
    await apply(config('use: xgboost, params: { trees: 1500, learningRate: 0.002, depth: 4 }'));
    const { stdout } = await system.seawall('retrain', MODEL, '--force', '--by', 'ada', '--reason', 'test', '--json');
    expect(stdout).toContain('run 2');
    const trainers = () => processesOf(NAMESPACE, `${MODEL}/2/1`);
    await until('the trainer runs', async () => (await trainers()).length > 0);
    kill('worker-gpu');
    await until('the trainer is gone', async () => (await trainers()).length === 0, 8_000);
    const { attempt: attempts } = await waiting(2);
    expect(attempts).toBe(2);
    expect((await record(2))?.attempts).toMatchObject([
      { attempt: 1, result: 'lost' },
      { attempt: 2, result: 'done' },
    ]);
  });
});

describe('while run 2 waits for a person', () => {
  it('what is no message changes nothing and is audited', async () => {
    const before = (await audits()).length;
    for (const input of ['"yes"', '{"by":"eve"}']) {
      await system.temporal(
        'workflow',
        'signal',
        '--workflow-id',
        `train/${MODEL}/2`,
        '--name',
        'approve',
        '--input',
        input,
      );
    }
    await until('both are audited', async () => (await audits()).length === before + 2);
    expect((await audits()).slice(before).map(({ accepted }) => accepted)).toEqual([false, false]);
    expect((await runStatus(2)).waitingFor).not.toBeNull();
  });

  it('Temporal may die and come back', async () => {
    const pid = kill('temporal');
    expect(await servedRelease()).toBe('1'); // serving does not care
    await restarted('temporal', pid);
    await until('it answers', () => runStatus(2).catch(() => undefined));
    expect((await runStatus(2)).waitingFor).not.toBeNull();
  });

  it('the loop continues as new, and still knows its child', async () => {
    const firstRun = (await system.client.workflow.getHandle(`model/${MODEL}`).describe()).runId;
    const year = new Date(Date.parse('2001-02-05T00:00:00Z') + 52 * 7 * 864e5).toISOString();
    await system.store.watermarks.write('predictions', MODEL, year);
    await system.client.workflow.getHandle(`model/${MODEL}`).signal('feed', {});
    await until('all windows are judged', async () => (await loopStatus()).monitoredTo === year);
    await until(
      'another run of the workflow',
      async () => (await system.client.workflow.getHandle(`model/${MODEL}`).describe()).runId !== firstRun,
    );
    const status = await loopStatus();
    expect(status.openRuns).toEqual([2]);
    expect(status.lastDecision).toMatchObject({ action: 'block' }); // a silent feed is an incident, never "no drift"
  });

  it('the loop may be terminated and started again: it remembers, and reuses no number', async () => {
    await system.temporal('workflow', 'terminate', '--workflow-id', `model/${MODEL}`);
    const { code } = await system.seawall('start', MODEL);
    expect(code).toBe(0);
    await until('hydrated', async () => (await loopStatus()).champion?.release === 1);
    expect((await loopStatus()).openRuns).toEqual([2]);
    await approveBySignal(2);
    const outcome = await ended(2);
    expect(['released', 'refused']).toContain(outcome.kind); // the wait was for a person: evaluation had said yes
    expect(outcome).toMatchObject({ kind: 'released', release: 2 });
    await until('the loop heard of it', async () => (await loopStatus()).openRuns.length === 0);
    expect(await until('serving has release 2', async () => (await servedRelease()) === '2')).toBe(true);
  });
});

describe('a model that should go back', () => {
  it('is rolled back by one command', async () => {
    const { code, stdout } = await system.seawall(
      'rollback',
      MODEL,
      '--by',
      'ada',
      '--reason',
      'looks wrong',
      '--json',
    );
    expect({ code, stdout }).toMatchObject({ code: 0, stdout: expect.stringContaining('release 1 is live again') });
    expect(await until('serving has release 1', async () => (await servedRelease()) === '1')).toBe(true);
    expect(await system.store.pointers.read(MODEL)).toMatchObject({ epoch: 3, champion: { release: 1 } });
    expect((await audits()).at(-1)).toMatchObject({ message: 'rollback', by: 'ada', accepted: true });
  });
});

describe('a trainer that leaves no model', () => {
  it('is one clear failure; nothing is released', async () => {
    await apply(config('command: [python3, -c, "print(1)"]'));
    const { stdout } = await system.seawall('retrain', MODEL, '--force', '--by', 'ada', '--reason', 'test', '--json');
    expect(stdout).toContain('run 3');
    const outcome = await ended(3);
    expect(outcome).toMatchObject({ kind: 'failed', failure: 'NoModel' });
    expect(outcome.text).toContain('model.onnx');
    expect(await system.store.pointers.read(MODEL)).toMatchObject({ epoch: 3, champion: { release: 1 } });
  });
});

describe('a store that is gone', () => {
  it('fails no request, and the loop goes on when it is back', async () => {
    const pid = kill('s3');
    for (let i = 0; i < 20; i++) expect(await servedRelease()).toBe('1');
    await restarted('s3', pid);
    const { code, stdout } = await system.seawall('pause', MODEL, '--by', 'ada', '--json');
    expect({ code, stdout }).toMatchObject({ code: 0 });
    expect((await audits()).at(-1)).toMatchObject({ message: 'pause', standing: { paused: true } });
  });
});
