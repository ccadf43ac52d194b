import { readFile, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { keys } from '../../src/contracts/index.js';
import type { Store } from '../../src/adapters/store/index.js';
import { createSession, swap } from '../../src/serving/slot.js';
import type { Slot } from '../../src/serving/slot.js';
import { startS3 } from '../support/s3.js';
import type { S3Server } from '../support/s3.js';
import {
  biasOf,
  body,
  expectedScore,
  fixture,
  flightsModel,
  flush,
  infer,
  movePointer,
  oneRow,
  output,
  release,
  serve,
  temporaryFolder,
  testStore,
} from './support.js';
import type { InferAnswer, TestServing } from './support.js';

let s3: S3Server;
let store: Store;
let home: Awaited<ReturnType<typeof temporaryFolder>>;
let serving: TestServing | undefined;
let prefixes = 0;

beforeAll(async () => void (s3 = await startS3()));
afterAll(() => s3.stop());
beforeEach(async () => {
  store = testStore(s3, `swap-${++prefixes}`);
  home = await temporaryFolder();
});
afterEach(async () => {
  await serving?.close(2_000);
  serving = undefined;
  store.close();
  await home.remove();
});

const releaseFlights = async (number: number): Promise<void> =>
  void (await release(store, 'flights', number, await flightsModel(biasOf(number))));
const start = async (): Promise<TestServing> => (serving = await serve(store, home.path));
const ask = (on: TestServing): Promise<InferAnswer> => infer(on.url, 'flights', body([oneRow]));
const versionOf = (answer: InferAnswer): number => Number(answer.json.model_version);

/** The score is the one that the named release gives. */
function expectConsistent(answer: InferAnswer): void {
  expect(answer).toMatchObject({ status: 200 });
  const expected = expectedScore(biasOf(versionOf(answer)), oneRow.hour, oneRow.distance, oneRow.origin);
  expect(output(answer, 'score')[0]).toBeCloseTo(expected, 5);
}

describe('a swap', () => {
  it('fails no request, and every answer is of the release that it names, while the pointer moves 20 times', async () => {
    await releaseFlights(1);
    const on = await start();
    let moving = true;
    const answers: InferAnswer[] = [];
    const client = async (): Promise<void> => {
      // A client never sees an older release after a newer one: the swap is atomic.
      for (let newest = 0; moving;) {
        const answer = await ask(on);
        answers.push(answer);
        expect(versionOf(answer)).toBeGreaterThanOrEqual(newest);
        newest = versionOf(answer);
      }
    };
    const clients = [client(), client(), client()];
    for (let number = 2; number <= 21; number++) {
      await releaseFlights(number);
      await on.logger.waitFor('a release serves', { release: number });
    }
    moving = false;
    await Promise.all(clients);
    answers.forEach(expectConsistent);
    expect(new Set(answers.map(versionOf)).size).toBeGreaterThan(15);
    expect(versionOf(await ask(on))).toBe(21);
    expect(await (await fetch(`${on.url}/metrics`)).text()).toContain(
      'seawall_serving_swaps_total{model="flights"} 20\n',
    );
    expect(on.logger.lines.filter(({ level }) => level !== 'info')).toEqual([]);
  });

  it('back to an older release changes epoch and version, and the log says which', async () => {
    await releaseFlights(1);
    const on = await start();
    await releaseFlights(2);
    await on.logger.waitFor('a release serves', { release: 2 });
    const first = (await store.blobs.putFile(await writtenModel(1))).sha256;
    await movePointer(store, 'flights', 1, first);
    await on.logger.waitFor('a release serves', { release: 1, epoch: 3 });
    const answer = await ask(on);
    expectConsistent(answer);
    expect(versionOf(answer)).toBe(1);
    // Local copies of what no longer serves do not pile up.
    await expect.poll(() => readdir(join(home.path, 'serving', 'models'))).toEqual([first]);
  });

  it('lets requests on the old session end before it is disposed', async () => {
    let disposed = 0;
    const model = {
      inputs: [],
      outputs: [],
      predict: () => Promise.reject(new Error('unused')),
      dispose: async () => void disposed++,
    };
    const session = createSession(model, () => undefined);
    const slot: Slot = { model: 'm', champion: undefined, problem: undefined, hasPointer: true, swaps: 0 };
    swap(slot, { release: 1, epoch: 1, sha256: 'a', session });
    session.acquire();
    session.acquire();
    swap(slot, { release: 2, epoch: 2, sha256: 'b', session: createSession(model, () => undefined) });
    session.release();
    expect(disposed).toBe(0);
    session.release();
    expect(disposed).toBe(1);
    expect(slot).toMatchObject({ swaps: 1, champion: { release: 2 } });
  });
});

describe('a release that cannot be served', () => {
  const blobPath = (sha256: string): string => join(s3.folder, 'seawall', `swap-${prefixes}`, keys.blob(sha256));

  it('with damaged bytes is refused, the old one goes on, and the repaired one is taken', async () => {
    await releaseFlights(1);
    const on = await start();
    const path = await writtenModel(2);
    const { sha256 } = await store.blobs.putFile(path);
    const damaged = await readFile(path);
    damaged[100] = (damaged[100] as number) ^ 1;
    await writeFile(blobPath(sha256), damaged);
    await releaseFlights(2);
    await on.logger.waitFor('a release cannot be served', { release: 2, kept: 1 });
    const answer = await ask(on);
    expectConsistent(answer);
    expect(versionOf(answer)).toBe(1);
    expect(await readiness(on)).toMatchObject({
      ready: true,
      release: 1,
      problem: expect.stringContaining('release 2 cannot be served'),
    });
    await writeFile(blobPath(sha256), await readFile(path));
    await on.logger.waitFor('a release serves', { release: 2 });
    expect(await readiness(on)).toMatchObject({ release: 2, problem: null });
    expectConsistent(await ask(on));
  });

  it('without the outputs is refused in plain words', async () => {
    await releaseFlights(1);
    const on = await start();
    await release(store, 'flights', 2, await readFile(fixture('no-score')));
    await on.logger.waitFor('a release cannot be served', { release: 2, kept: 1 });
    expect((await readiness(on))['problem']).toContain('has no output "score"');
    expectConsistent(await ask(on));
  });

  it('because its pointer is damaged leaves the old one where it is', async () => {
    await releaseFlights(1);
    const on = await start();
    const livePath = join(s3.folder, 'seawall', `swap-${prefixes}`, keys.live('flights'));
    const good = await readFile(livePath);
    await writeFile(livePath, 'no pointer');
    await expect.poll(async () => (await readiness(on))['problem']).toContain('cannot be served');
    expectConsistent(await ask(on));
    await writeFile(livePath, good);
    await expect.poll(async () => (await readiness(on))['problem'], { timeout: 10_000 }).toBe(null);
  });

  it('whose pointer is something else is refused, and does not keep other models from being served', async () => {
    await store.json.create(keys.live('broken'), { kind: 'live' });
    await releaseFlights(1);
    const on = await start();
    await on.logger.waitFor('a release cannot be served', { model: 'broken' });
    expectConsistent(await ask(on));
    expect(await infer(on.url, 'broken', body([oneRow]))).toMatchObject({
      status: 503,
      json: { error: expect.stringContaining('the live pointer cannot be served: The live pointer is not one') },
    });
  });

  it('whose record names other bytes than the pointer is refused', async () => {
    await releaseFlights(1);
    const on = await start();
    await movePointer(store, 'flights', 1, 'f'.repeat(64));
    await on.logger.waitFor('a release cannot be served', { release: 1, kept: 1 });
    expectConsistent(await ask(on));
  });
});

describe('without object storage', () => {
  it('answers, keeps the log, and brings it home when the store is back', async () => {
    await releaseFlights(1);
    const on = await start();
    await s3.kill();
    for (let i = 0; i < 20; i++) expectConsistent(await ask(on));
    const refused = await flush(on.url);
    expect(refused).toMatchObject({
      status: 503,
      json: { error: expect.stringContaining('not all in object storage') },
    });
    expectConsistent(await ask(on));
    await s3.restart();
    expect(await flush(on.url)).toMatchObject({ status: 200, json: { rows: 21 } });
    await releaseFlights(2);
    await on.logger.waitFor('a release serves', { release: 2 });
  });

  it('starts from its local copies, and follows the pointer when the store is back', async () => {
    await releaseFlights(1);
    await (await start()).close();
    await s3.kill();
    const on = await start();
    const answer = await ask(on);
    expectConsistent(answer);
    expect((await fetch(`${on.url}/v2/health/ready`)).status).toBe(200);
    await s3.restart();
    await releaseFlights(2);
    await on.logger.waitFor('a release serves', { release: 2 });
    expectConsistent(await ask(on));
  });

  it('says 503 with Retry-After when it has nothing, and serves when the store is back', async () => {
    await releaseFlights(1);
    await s3.kill();
    const on = await start();
    const answer = await ask(on);
    expect(answer.status).toBe(503);
    expect(answer.headers.get('retry-after')).toBe('1');
    expect((await fetch(`${on.url}/v2/health/ready`)).status).toBe(503);
    await s3.restart();
    await on.logger.waitFor('a release serves', { release: 1 });
    expectConsistent(await ask(on));
  });

  it('does not trust a local copy that was changed', async () => {
    await releaseFlights(1);
    await (await start()).close();
    const { champion } = (await store.pointers.read('flights'))!;
    const copy = join(home.path, 'serving', 'models', champion.sha256, 'model.onnx');
    await writeFile(copy, await flightsModel(biasOf(9)));
    const on = await start();
    expectConsistent(await ask(on));
  });
});

it('refuses a second serving process in the same folder', async () => {
  const on = await start();
  await expect(serve(store, home.path)).rejects.toMatchObject({
    type: 'Conflict',
    message: expect.stringContaining(`pid ${process.pid}`),
  });
  await on.close();
  serving = await serve(store, home.path);
});

async function writtenModel(number: number): Promise<string> {
  const path = join(home.path, `release-${number}.onnx`);
  await writeFile(path, await flightsModel(biasOf(number)));
  return path;
}
async function readiness(on: TestServing): Promise<Record<string, unknown>> {
  return (await (await fetch(`${on.url}/v2/models/flights/ready`)).json()) as Record<string, unknown>;
}
