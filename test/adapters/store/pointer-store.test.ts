import fc from 'fast-check';
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createStore, type Store } from '../../../src/adapters/store/index.js';
import { keys, type LivePointer } from '../../../src/contracts/index.js';
import { startS3, type S3Server } from '../../support/s3.js';
import { flipByte, startProxy, type Fault } from './faults.js';

let s3: S3Server;
let store: Store;
beforeAll(async () => {
  s3 = await startS3();
  store = createStore(s3.options);
});
afterAll(async () => s3.stop());

const newModel = (): string => `m-${randomUUID()}`;
const sha = (release: number): string => release.toString(16).padStart(64, '0');
const move = (moveId: string, release: number, expectedEpoch: number) => ({
  moveId,
  release,
  expectedEpoch,
  sha256: sha(release),
  by: 'test',
  reason: 'test',
  at: '2026-01-01T00:00:00.000Z',
});

describe('the live pointer', () => {
  it('is made by the first move, and every move raises the epoch by one', async () => {
    const model = newModel();
    expect(await store.pointers.read(model)).toBeUndefined();
    await store.pointers.move(model, move('first', 1, 0));
    const second = await store.pointers.move(model, move('second', 2, 1));
    expect(second).toMatchObject({ model, epoch: 2, champion: { release: 2, sha256: sha(2) } });
    expect(second.moves.map(({ moveId, epoch }) => [moveId, epoch])).toEqual([
      ['first', 1],
      ['second', 2],
    ]);
    expect(await store.pointers.read(model)).toEqual(second);
  });

  it('keeps every move, also those that the pointer has forgotten', async () => {
    const model = newModel();
    expect(await store.pointers.history(model)).toEqual([]);
    for (let i = 0; i < 40; i++) await store.pointers.move(model, move(`move-${i}`, (i % 3) + 1, i));
    expect((await store.pointers.read(model))?.moves).toHaveLength(32);
    const history = await store.pointers.history(model);
    expect(history.map(({ epoch, moveId, release }) => [epoch, moveId, release])).toEqual(
      Array.from({ length: 40 }, (_, i) => [i + 1, `move-${i}`, (i % 3) + 1]),
    );
  });

  it.each([0, 3])('lets exactly one of 20 concurrent movers win from epoch %i', async (epoch) => {
    const model = newModel();
    for (let i = 0; i < epoch; i++) await store.pointers.move(model, move(`before-${i}`, 1, i));
    const others = createStore(s3.options);
    const results = await Promise.allSettled(
      Array.from({ length: 20 }, (_, i) =>
        (i % 2 ? store : others).pointers.move(model, move(`mover-${i}`, i + 1, epoch)),
      ),
    );
    const won = results.filter((result) => result.status === 'fulfilled');
    expect(won).toHaveLength(1);
    for (const result of results)
      if (result.status === 'rejected') expect(result.reason).toMatchObject({ type: 'PointerMoved' });
    const pointer = await store.pointers.read(model);
    expect(pointer).toEqual(won[0]?.value);
    expect(pointer?.epoch).toBe(epoch + 1);
  });

  it('makes a move once, however often it is asked for, also after others followed', async () => {
    const model = newModel();
    const both = await Promise.all([1, 2].map(() => store.pointers.move(model, move('same', 7, 0))));
    expect(both[0]).toEqual(both[1]);
    const followed = await store.pointers.move(model, move('next', 8, 1));
    const again = await store.pointers.move(model, move('same', 7, 0));
    expect(again).toMatchObject({ epoch: 1, champion: { release: 7, sha256: sha(7) } });
    expect(await store.pointers.read(model)).toEqual(followed);
  });

  it('refuses a zombie, and a moveId that is used for another release', async () => {
    const model = newModel();
    await store.pointers.move(model, move('a', 1, 0));
    await store.pointers.move(model, move('b', 2, 1));
    await expect(store.pointers.move(model, move('zombie', 1, 1))).rejects.toMatchObject({
      type: 'PointerMoved',
      message: expect.stringMatching(/release 1 was to follow epoch 1 .*epoch 2, release 2, moved by test/) as string,
    });
    await expect(store.pointers.move(newModel(), move('x', 1, 4))).rejects.toMatchObject({
      type: 'PointerMoved',
      message: expect.stringContaining('no pointer') as string,
    });
    await expect(store.pointers.move(model, move('b', 3, 2))).rejects.toMatchObject({ type: 'BadInput' });
  });

  it('remembers the last 32 moves', async () => {
    const model = newModel();
    let pointer: LivePointer | undefined;
    for (let i = 0; i < 34; i++) pointer = await store.pointers.move(model, move(`m${i}`, 1, i));
    expect(pointer?.moves.map(({ moveId }) => moveId)).toEqual(Array.from({ length: 32 }, (_, i) => `m${i + 2}`));
    expect((await store.pointers.move(model, move('m2', 1, 2))).epoch).toBe(3);
    await expect(store.pointers.move(model, move('m1', 1, 1))).rejects.toMatchObject({ type: 'PointerMoved' });
  });

  it.each([0, 1])('concludes right when the answer to the PUT is lost at epoch %i', async (epoch) => {
    const model = newModel();
    if (epoch === 1) await store.pointers.move(model, move('before', 1, 0));
    let lost = 0;
    const loseFirstPut = (method: string, key: string): Fault =>
      method === 'PUT' && key.endsWith('live.json') && lost++ === 0 ? 'loseAnswer' : 'none';
    const proxy = await startProxy(s3, loseFirstPut);
    try {
      const pointer = await createStore({ ...s3.options, port: proxy.port }).pointers.move(
        model,
        move('mine', 2, epoch),
      );
      expect(pointer).toMatchObject({ epoch: epoch + 1, champion: { release: 2 } });
      expect(await store.pointers.read(model)).toEqual(pointer);
      // It was really refused and looked up: two PUTs, and a read after the second.
      const ofPointer = proxy.seen.filter((line) => line.endsWith('live.json')).map((line) => line.split(' ')[0]);
      expect(ofPointer).toEqual(['GET', 'PUT', 'PUT', 'GET']);
    } finally {
      await proxy.stop();
    }
  });

  it('does not move over a lost answer that another move followed', async () => {
    const model = newModel();
    let puts = 0;
    const proxy = await startProxy(s3, (method) => (method === 'PUT' && puts++ === 0 ? 'loseAnswer' : 'none'));
    try {
      const through = createStore({ ...s3.options, port: proxy.port, retries: 0 });
      await expect(through.pointers.move(model, move('mine', 1, 0))).rejects.toMatchObject({ type: 'Unavailable' });
      await store.pointers.move(model, move('theirs', 2, 1));
      expect(await through.pointers.move(model, move('mine', 1, 0))).toMatchObject({ epoch: 1 });
      expect(await store.pointers.read(model)).toMatchObject({ epoch: 2, champion: { release: 2 } });
    } finally {
      await proxy.stop();
    }
  });

  it('says that it is damaged, by name', async () => {
    const model = newModel();
    await store.pointers.move(model, move('a', 1, 0));
    await flipByte(s3, keys.live(model), 30);
    await expect(store.pointers.read(model)).rejects.toMatchObject({
      type: 'Corrupt',
      message: expect.stringContaining(`/${keys.live(model)} is damaged`) as string,
    });
  });

  it('rises by exactly one per move under any interleaving of movers, repeats and zombies', async () => {
    const step = fc.record({ mover: fc.nat(3), lag: fc.nat(2), repeat: fc.boolean() });
    await fc.assert(
      fc.asyncProperty(fc.array(fc.array(step, { minLength: 1, maxLength: 4 }), { maxLength: 5 }), async (rounds) => {
        const model = newModel();
        let epoch = 0;
        let n = 0;
        for (const round of rounds) {
          const asked = round.flatMap(({ mover, lag, repeat }) => {
            const one = move(`${mover}-${n++}`, mover + 1, Math.max(0, epoch - lag));
            return repeat ? [one, one] : [one];
          });
          const results = await Promise.allSettled(asked.map((one) => store.pointers.move(model, one)));
          const winners = new Set(asked.filter((_, i) => results[i]?.status === 'fulfilled').map((one) => one.moveId));
          const onTime = asked.some((one) => one.expectedEpoch === epoch);
          expect(winners.size).toBe(onTime ? 1 : 0);
          epoch += winners.size;
          const pointer = await store.pointers.read(model);
          expect(pointer?.epoch ?? 0).toBe(epoch);
          expect(pointer?.moves.map((made) => made.epoch) ?? []).toEqual(
            Array.from({ length: epoch }, (_, i) => i + 1),
          );
        }
      }),
      { numRuns: 25 },
    );
  });
});
