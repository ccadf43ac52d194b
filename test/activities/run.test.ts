import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { blockedWindows } from '../../src/activities/blocked-windows.js';
import { mapSome } from '../../src/activities/sequences.js';
import { createRunActivities, readPlan, type RunActivities } from '../../src/activities/run.js';
import {
  blankRun,
  type DatasetPolicy,
  type DecisionRecord,
  keys,
  type OpenRunInput,
  type RecordRunInput,
  type RunOutcome,
  type Sequenced,
  sequenceKey,
  trainingRunId,
} from '../../src/contracts/index.js';
import {
  act,
  applyConfig,
  commitWeeks,
  configOf,
  crashing,
  keysBelow,
  MODEL,
  startSteps,
  type Steps,
  type StepsServer,
  writeFlights,
} from '../support/steps.js';

let server: StepsServer;
let steps: Steps;
let activities: RunActivities;

beforeAll(async () => {
  server = await startSteps();
});
afterAll(() => server.stop());
beforeEach(async () => {
  steps = await server.fresh();
  activities = activitiesOf(steps);
});

const portsOf = ({ store: { json, records, pointers, datasets, watermarks } }: Steps) => ({
  json,
  records,
  pointers,
  datasets,
  watermarks,
});
const activitiesOf = (of: Steps): RunActivities => createRunActivities({ ...portsOf(of), searchAttributes: true });

const claim = (causeId: string, from = activities) => act(from.claimRun, { model: MODEL, causeId });
const inputOf = (n: number, causeId = `workflow/${trainingRunId(MODEL, n)}`): OpenRunInput => ({
  model: MODEL,
  n,
  workflowId: trainingRunId(MODEL, n),
  causeId,
});
const open = (input: OpenRunInput, from = activities) => act(from.openRun, input);

describe('claimRun', () => {
  it('gives the smallest free number, and the same number to the same cause', async () => {
    await open(inputOf(2)).catch(() => undefined); // a run that was started by hand has 2
    expect(await claim('decision/1')).toEqual({ n: 1, workflowId: 'train/flights/1', causeId: 'decision/1' });
    expect((await claim('decision/2')).n).toBe(3);
    expect((await claim('decision/1')).n).toBe(1);
    expect((await claim('decision/2')).n).toBe(3);
  });

  it('leaves a number that was abandoned, and only that', async () => {
    const end = (n: number, outcome: RunOutcome) =>
      steps.store.records.append(keys.runRecords(MODEL, n), `closed/${trainingRunId(MODEL, n)}`, (seq) => ({
        ...{ kind: 'run' as const, schema: 1 as const },
        ...recordOf(n, seq, outcome, `closed/${trainingRunId(MODEL, n)}`),
      }));
    expect((await claim('decision/1')).n).toBe(1);
    await end(1, { kind: 'abandoned', text: 'never opened' });
    expect(await claim('decision/1')).toEqual({ n: 2, workflowId: 'train/flights/2', causeId: 'decision/1' });
    expect((await claim('decision/1')).n).toBe(2);
    await end(2, { kind: 'failed', failure: 'Terminated', text: 'terminated' });
    expect((await claim('decision/1')).n).toBe(2);
  });

  it('gives as many numbers as causes, however many ask at once', async () => {
    const causes = ['a', 'b', 'c', 'd'].flatMap((cause) => [cause, cause, cause]);
    const claims = await Promise.all(causes.map((cause) => claim(cause)));
    const numbers = new Map<string, Set<number>>();
    claims.forEach(({ n, causeId }) => numbers.set(causeId, (numbers.get(causeId) ?? new Set()).add(n)));
    expect([...numbers.values()].map((set) => set.size)).toEqual([1, 1, 1, 1]);
    expect(await keysBelow(steps, keys.runs(MODEL))).toHaveLength(4);
  });

  it('keeps its number over a crash at any point', async () => {
    const points = [];
    for (const when of ['before', 'after'] as const) for (let at = 1; at <= 6; at++) points.push({ when, at });
    for (const { when, at } of points) {
      const here = await server.fresh();
      const healthy = activitiesOf(here);
      await claim('other', healthy);
      const ports = crashing(portsOf(here), at, when);
      const first = await claim('mine', createRunActivities({ ...ports, searchAttributes: true })).catch(
        () => 'crashed',
      );
      expect(first === 'crashed').toBe(at <= 5 && !(when === 'after' && at === 1)); // list answers at once, item by item
      expect((await claim('mine', healthy)).n).toBe(2);
      expect(await keysBelow(here, keys.runs(MODEL))).toHaveLength(2);
    }
  });
});

describe('openRun', () => {
  it('pins configuration, files and champion; the first plan stands', async () => {
    const config = await applyConfig(steps);
    const version = await commitWeeks(steps);
    const opened = await open(inputOf(1));
    expect(opened).toMatchObject({
      pool: 'default',
      configDigest: config.digest,
      dataset: { name: MODEL, version, files: 3 },
      champion: null,
      expectedEpoch: 0,
      moveId: 'flights/1',
      searchAttributes: true,
    });
    await steps.store.pointers.move(MODEL, {
      moveId: 'x',
      release: 1,
      sha256: 'a'.repeat(64),
      expectedEpoch: 0,
      by: 'test',
      reason: 'test',
      at: new Date().toISOString(),
    });
    await applyConfig(steps, { ...config.config, trainer: { ...config.config.trainer, pool: 'other' } });
    expect(await open(inputOf(1))).toEqual(opened);
    expect(await open(inputOf(2))).toMatchObject({ pool: 'other', expectedEpoch: 1, champion: { release: 1 } });
  });

  it('is the same after a crash at any point', async () => {
    await applyConfig(steps);
    await commitWeeks(steps);
    let n = 0;
    for (const when of ['before', 'after'] as const) {
      for (let at = 1; ; at++) {
        n += 1;
        const ports = crashing(portsOf(steps), at, when);
        const first = await open(inputOf(n), createRunActivities({ ...ports, searchAttributes: true })).catch(
          () => null,
        );
        const plan = await steps.store.json.read(keys.runPlan(MODEL, n));
        const second = await open(inputOf(n));
        expect(second).toEqual(await open(inputOf(n)));
        if (plan) expect((await steps.store.json.read(keys.runPlan(MODEL, n)))?.value).toEqual(plan.value);
        if (first) break;
      }
    }
    expect(n).toBeGreaterThan(10);
  });

  it('refuses a number of another workflow, of another cause, and of a run that has ended', async () => {
    await applyConfig(steps);
    await commitWeeks(steps);
    await claim('decision/1');
    await expect(open(inputOf(1))).rejects.toMatchObject({ type: 'RunNumberTaken' });
    await expect(open({ ...inputOf(1, 'decision/1'), workflowId: 'mine' })).rejects.toMatchObject({
      type: 'RunNumberTaken',
    });
    await open(inputOf(1, 'decision/1'));
    await act(activities.recordRun, recordOf(1, 1, { kind: 'cancelled', text: 'enough' }, 'decision/1'));
    await expect(open(inputOf(1, 'decision/1'))).rejects.toMatchObject({
      type: 'RunNumberTaken',
      message: expect.stringContaining('cancelled: enough') as string,
    });
  });

  it('says what is missing', async () => {
    await expect(open(inputOf(1))).rejects.toMatchObject({
      type: 'NotFound',
      next: expect.stringContaining('model apply') as string,
    });
    await applyConfig(steps);
    await expect(open(inputOf(1))).rejects.toMatchObject({
      type: 'NotFound',
      next: 'Commit one: seawall dataset commit flights DIR.',
    });
  });

  it('leaves out files of windows whose last decision is block', async () => {
    await applyConfig(steps);
    await commitWeeks(steps);
    const week = { from: '2001-02-12T00:00:00.000Z', to: '2001-02-19T00:00:00.000Z' };
    await decide('block', week);
    await open(inputOf(1));
    const { dataset } = await readPlan(steps.store.json, MODEL, 1);
    expect(dataset.excluded).toEqual(['week=2001-02-12/flights.parquet']);
    expect(dataset.include).toEqual(['week=2001-02-05/flights.parquet', 'week=2001-02-19/flights.parquet']);
    await decide('wait', week); // a later revision was judged otherwise
    await open(inputOf(2));
    expect((await readPlan(steps.store.json, MODEL, 2)).dataset.excluded).toEqual([]);
  });

  it('does not open a run when every file is blocked', async () => {
    await applyConfig(steps);
    await commitWeeks(steps);
    await decide('block', { from: '2001-02-01T00:00:00.000Z', to: '2001-03-01T00:00:00.000Z' });
    await expect(open(inputOf(1))).rejects.toMatchObject({ type: 'BadData' });
    expect(await steps.store.json.read(keys.runPlan(MODEL, 1))).toBeUndefined();
  });
});

describe('openRun, where the model follows something else than the head', () => {
  const configured = (dataset: Partial<DatasetPolicy>) =>
    applyConfig(steps, configOf({ dataset: { name: MODEL, rowId: 'row_id', ...dataset } }));
  const versionOf = async (n: number) => (await open(inputOf(n))).dataset.version;

  it('learns from what the tag names at that moment, or from what is pinned', async () => {
    const [first, second] = [await commitWeeks(steps, 30), await commitWeeks(steps, 40)];
    await configured({ follow: { tag: 'golden' } });
    await expect(open(inputOf(1))).rejects.toMatchObject({
      type: 'NotFound',
      message: '"flights" has nothing to learn from: dataset flights has no tag golden',
      next: 'Tag a version: seawall dataset tag flights@head golden.',
    });
    await steps.store.datasets.tag(MODEL, 'golden', first, 'test');
    expect(await versionOf(2)).toBe(first);
    await steps.store.datasets.tag(MODEL, 'golden', second, 'test');
    expect(await versionOf(3)).toBe(second);
    await configured({ follow: { pinned: first.slice(0, 12) } });
    expect(await versionOf(4)).toBe(first);
    await configured({ follow: { pinned: 'f'.repeat(12) } });
    await expect(open(inputOf(5))).rejects.toMatchObject({ type: 'NotFound' });
  });

  it('does not guess between versions that begin alike', async () => {
    const version = await commitWeeks(steps, 30);
    const twin = version.slice(0, 60) + (version.endsWith('0000') ? '1111' : '0000');
    await steps.store.json.create(keys.datasetVersion(MODEL, twin), {});
    await configured({ follow: { pinned: version.slice(0, 12) } });
    await expect(open(inputOf(1))).rejects.toMatchObject({
      type: 'BadInput',
      message: expect.stringContaining('2 versions of dataset flights begin with') as string,
    });
  });
});

describe('openRun, where a slice of time is learnt from', () => {
  const slice = (use: DatasetPolicy['use']) =>
    applyConfig(steps, configOf({ dataset: { name: MODEL, rowId: 'row_id', ...(use ? { use } : {}) } }));
  const planned = async (n: number) => {
    await open(inputOf(n));
    return (await readPlan(steps.store.json, MODEL, n)).dataset;
  };

  it("is counted back from the model's clock, whatever the wall says; a week of which a day counts, counts", async () => {
    await slice({ lastMs: 7 * 864e5 });
    await commitWeeks(steps, 30);
    await steps.store.watermarks.write('predictions', MODEL, '2001-02-24T00:00:00.000Z');
    expect(await planned(1)).toMatchObject({
      since: '2001-02-17T00:00:00.000Z',
      include: ['week=2001-02-12/flights.parquet', 'week=2001-02-19/flights.parquet'],
    });
    await steps.store.watermarks.write('predictions', MODEL, '2001-02-26T00:00:00.000Z');
    expect((await planned(2)).include).toEqual(['week=2001-02-19/flights.parquet']);
    expect((await planned(1)).include).toHaveLength(2); // the first plan stands
  });

  it('begins on a day, and leaves blocked windows out besides', async () => {
    await slice({ since: '2001-02-12T00:00:00.000Z' });
    await commitWeeks(steps, 30);
    await decide('block', { from: '2001-02-19T00:00:00.000Z', to: '2001-02-26T00:00:00.000Z' });
    expect(await planned(1)).toMatchObject({
      include: ['week=2001-02-12/flights.parquet'],
      excluded: ['week=2001-02-19/flights.parquet'],
    });
  });

  it('says which dates there are when it is empty, and refuses paths that say no time', async () => {
    await slice({ since: '2001-03-01T00:00:00.000Z' });
    await commitWeeks(steps, 30);
    await expect(open(inputOf(1))).rejects.toMatchObject({
      type: 'BadData',
      message: expect.stringMatching(
        /has nothing of the time from 2001-03-01T00:00:00.000Z on: its 3 files are of 2001-02-05 to 2001-02-25$/,
      ) as string,
    });
    const localFile = join(steps.home, 'all.parquet');
    await writeFlights(localFile, 0, 10);
    await steps.store.datasets.commitVersion(MODEL, [{ path: 'all.parquet', localFile }], { by: 'test' });
    await expect(open(inputOf(1))).rejects.toMatchObject({
      type: 'BadData',
      message: expect.stringContaining('does not say their time (all.parquet)') as string,
    });
    await slice(undefined);
    expect((await planned(1)).include).toEqual(['all.parquet']);
  });
});

describe('openRun, where windows are blocked and paths say no time', () => {
  const week = { from: '2001-02-12T00:00:00.000Z', to: '2001-02-19T00:00:00.000Z' };
  beforeEach(async () => {
    await applyConfig(steps);
    const localFile = join(steps.home, 'all.parquet');
    await writeFlights(localFile, 0, 10);
    const files = ['all.parquet', 'week=2001-02-05/a.parquet'].map((path) => ({ path, localFile }));
    await steps.store.datasets.commitVersion(MODEL, files, { by: 'test' });
  });

  it('learns from them while nothing is blocked', async () => {
    await decide('wait', week);
    expect(await open(inputOf(1))).toMatchObject({ dataset: { files: 2 } });
  });

  it('refuses in words, rather than learn from broken data', async () => {
    await decide('block', week);
    await expect(open(inputOf(1))).rejects.toMatchObject({
      type: 'BadData',
      message: expect.stringMatching(/all\.parquet.*blocked: 2001-02-12T00:00:00.000Z to 2001-02-19/u) as string,
      next: expect.stringContaining('month=YYYY-MM/') as string,
    });
    expect(await steps.store.json.read(keys.runPlan(MODEL, 1))).toBeUndefined();
  });
});

describe('blockedWindows', () => {
  const window = (i: number) => ({
    from: new Date(Date.UTC(2001, 0, 1, i)).toISOString(),
    to: new Date(Date.UTC(2001, 0, 1, i + 1)).toISOString(),
  });
  /** Decisions `from` to `to` on windows of their numbers: every 100th is a block. */
  const decisions = (from: number, to: number) =>
    mapSome(
      Array.from({ length: to - from + 1 }, (_, i) => from + i),
      (seq) =>
        steps.store.json.create(sequenceKey(keys.decisions(MODEL), seq), {
          ...{ kind: 'decision', schema: 1, seq, causeId: `c${seq}`, window: window(seq) },
          action: seq % 100 === 0 ? 'block' : 'wait',
        }),
    );
  async function counted(): Promise<{ windows: number[]; reads: number }> {
    let reads = 0;
    const records = {
      ...steps.store.records,
      read: <T extends Sequenced>(folder: string, seq: number) => {
        reads += 1;
        return steps.store.records.read<T>(folder, seq);
      },
    };
    const windows = await blockedWindows({ ...portsOf(steps), records }, MODEL);
    return { windows: windows.map(({ from }) => (Date.parse(from) - Date.UTC(2001, 0, 1)) / 3_600_000), reads };
  }

  it('reads at most what came after the last summary, and forgets none that is older', async () => {
    await decisions(1, 1010);
    const all = [100, 200, 300, 400, 500, 600, 700, 800, 900, 1000];
    expect(await counted()).toEqual({ windows: all, reads: 1010 });
    expect(await counted()).toEqual({ windows: all, reads: 10 });
    expect(await keysBelow(steps, keys.blockedWindows(MODEL))).toHaveLength(2);
    // A later revision of an old window lifts the block.
    await steps.store.records.append(keys.decisions(MODEL), 'late', (seq) => ({
      ...{ kind: 'decision', schema: 1, seq, causeId: 'late', action: 'wait', window: window(200) },
    }));
    expect(await counted()).toEqual({ windows: all.filter((n) => n !== 200), reads: 11 });
  });

  it('goes on from the summaries of a call that was cut short', async () => {
    await decisions(1, 1010);
    let reads = 0;
    const records = {
      ...steps.store.records,
      read: <T extends Sequenced>(folder: string, seq: number) => {
        reads += 1;
        if (reads > 700) throw new Error('cut short');
        return steps.store.records.read<T>(folder, seq);
      },
    };
    await expect(blockedWindows({ ...portsOf(steps), records }, MODEL)).rejects.toThrow('cut short');
    expect((await counted()).reads).toBe(510);
  });

  it('does not go by decisions of which one is gone', async () => {
    await decisions(1, 4);
    await decisions(6, 8);
    await expect(counted()).rejects.toMatchObject({
      type: 'Corrupt',
      message: expect.stringContaining('Decision 5') as string,
    });
  });
});

describe('recordRun', () => {
  const record = (n: number, seq: number, outcome: RunOutcome | null = null) =>
    act(activities.recordRun, recordOf(n, seq, outcome));

  it('writes each revision once', async () => {
    expect(await record(1, 1)).toEqual({ seq: 1, outcome: null });
    const before = await steps.store.json.read(`${keys.runRecords(MODEL, 1)}/00000001.json`);
    expect(await record(1, 1)).toEqual({ seq: 1, outcome: null });
    expect(await steps.store.json.read(`${keys.runRecords(MODEL, 1)}/00000001.json`)).toEqual(before);
  });

  it('keeps the first outcome, whatever comes later', async () => {
    await record(1, 1);
    const released: RunOutcome = { kind: 'released', release: 4, text: 'release 4' };
    await record(1, 2, released);
    expect(await record(1, 3, { kind: 'cancelled', text: 'late' })).toEqual({ seq: 2, outcome: released });
    expect(await keysBelow(steps, keys.runRecords(MODEL, 1))).toHaveLength(2);
  });

  it('records the outcome of a workflow that was reset and counts from 1 again', async () => {
    for (const seq of [1, 2, 3]) await record(1, seq);
    const failed: RunOutcome = { kind: 'failed', failure: 'BadData', text: 'bad' };
    expect(await record(1, 2, failed)).toEqual({ seq: 4, outcome: failed });
    expect(await record(1, 2, failed)).toEqual({ seq: 4, outcome: failed });
  });

  it('does not go on with a run that was closed as abandoned', async () => {
    await claim('decision/1');
    const outcome: RunOutcome = { kind: 'abandoned', text: 'never started' };
    await steps.store.records.append(keys.runRecords(MODEL, 1), 'closed/train/flights/1', (seq) => ({
      kind: 'run' as const,
      schema: 1 as const,
      ...recordOf(1, seq, outcome, 'closed/train/flights/1'),
    }));
    await expect(act(activities.recordRun, recordOf(1, 1, null, 'decision/1'))).rejects.toMatchObject({
      type: 'RunNumberTaken',
    });
  });
});

function recordOf(
  n: number,
  seq: number,
  outcome: RunOutcome | null,
  causeId = `workflow/train/flights/${n}`,
): RecordRunInput {
  const who = { model: MODEL, n, causeId, workflowId: trainingRunId(MODEL, n), at: '2001-03-01T00:00:00.000Z' };
  return { ...blankRun(who), seq, phase: outcome ? 'ended' : 'training', outcome };
}

async function decide(action: DecisionRecord['action'], window: DecisionRecord['window']): Promise<void> {
  await steps.store.records.append(keys.decisions(MODEL), `${action}/${window?.from}`, (seq) => ({
    kind: 'decision',
    schema: 1,
    seq,
    causeId: `${action}/${window?.from}`,
    model: MODEL,
    action,
    window,
  }));
}
