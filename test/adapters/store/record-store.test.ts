import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createStore, type Store } from '../../../src/adapters/store/index.js';
import { sequenceKey } from '../../../src/contracts/index.js';
import { startS3, type S3Server } from '../../support/s3.js';
import { flipByte, startProxy } from './faults.js';

let s3: S3Server;
let store: Store;
beforeAll(async () => {
  s3 = await startS3();
  store = createStore(s3.options);
});
afterAll(async () => s3.stop());

interface Note {
  kind: 'note';
  seq: number;
  causeId: string;
  nonce: string;
}
const newFolder = (): string => `models/${randomUUID()}/audit`;
const append = (on: Store, folder: string, causeId: string, after?: number): Promise<Note> =>
  on.records.append<Note>(folder, causeId, (seq) => ({ kind: 'note', seq, causeId, nonce: randomUUID() }), after);
const all = async (folder: string, after?: number): Promise<Note[]> => {
  const notes: Note[] = [];
  for await (const note of store.records.list<Note>(folder, after)) notes.push(note);
  return notes;
};

describe('numbered records', () => {
  it('gives 20 concurrent causes the numbers 1 to 20', async () => {
    const folder = newFolder();
    const stores = [store, createStore(s3.options), createStore(s3.options)];
    const made = await Promise.all(
      Array.from({ length: 20 }, (_, i) => append(stores[i % 3] as Store, folder, `cause-${i}`)),
    );
    const numbers = made.map(({ seq }) => seq).sort((a, b) => a - b);
    expect(numbers).toEqual(Array.from({ length: 20 }, (_, i) => i + 1));
    const stored = await all(folder);
    expect(stored.map(({ seq }) => seq)).toEqual(numbers);
    expect(stored).toEqual([...made].sort((a, b) => a.seq - b.seq));
  });

  it('gives one cause one record, also concurrently and among others', async () => {
    const folder = newFolder();
    const stores = Array.from({ length: 5 }, () => createStore(s3.options));
    const made = await Promise.all(
      stores.flatMap((one, i) => [append(one, folder, 'same'), append(one, folder, `other-${i}`)]),
    );
    const same = made.filter(({ causeId }) => causeId === 'same');
    expect(new Set(same.map(({ nonce }) => nonce)).size).toBe(1);
    expect((await all(folder)).filter(({ causeId }) => causeId === 'same')).toHaveLength(1);
    expect(await all(folder)).toHaveLength(6);
  });

  it('returns what was stored before a crash, from any process and below any later record', async () => {
    const folder = newFolder();
    const first = await append(store, folder, 'mine');
    for (let i = 0; i < 3; i++) await append(store, folder, `later-${i}`);
    expect(await append(createStore(s3.options), folder, 'mine')).toEqual(first);
    expect(await append(createStore(s3.options), folder, 'mine', first.seq - 1)).toEqual(first);
  });

  it('goes on after the newest, also when the hint is ahead of it', async () => {
    const folder = newFolder();
    await append(store, folder, 'a');
    expect((await append(createStore(s3.options), folder, 'b', 1)).seq).toBe(2);
    expect((await append(createStore(s3.options), folder, 'c', 500)).seq).toBe(3);
  });

  it('concludes right when the answer to the PUT is lost', async () => {
    const folder = newFolder();
    let puts = 0;
    const proxy = await startProxy(s3, (method) => (method === 'PUT' && puts++ === 0 ? 'loseAnswer' : 'none'));
    try {
      const made = await append(createStore({ ...s3.options, port: proxy.port }), folder, 'mine');
      expect(puts).toBe(2);
      expect(await all(folder)).toEqual([made]);
    } finally {
      await proxy.stop();
    }
  });

  it('finds the newest of none, few and many, and lists from a number on', async () => {
    const folder = newFolder();
    expect(await store.records.newest(folder)).toBeUndefined();
    for (const seq of [1, 2, 63, 64, 65, 66, 200, 201])
      await store.json.create(sequenceKey(folder, seq), { kind: 'note', seq, causeId: `c${seq}`, nonce: '' });
    // Deeper keys are not of this folder.
    await store.json.create(sequenceKey(`${folder}/deeper`, 999), { kind: 'note', seq: 999, causeId: 'x', nonce: '' });
    expect(await store.records.newest<Note>(folder)).toMatchObject({ seq: 201 });
    expect((await all(folder, 64)).map(({ seq }) => seq)).toEqual([65, 66, 200, 201]);
    expect(await store.records.read(folder, 3)).toBeUndefined();
  });

  it('reads each record once, however often something is appended, and only above the hint', async () => {
    const folder = newFolder();
    for (let seq = 1; seq <= 40; seq++)
      await store.json.create(sequenceKey(folder, seq), { kind: 'note', seq, causeId: `c${seq}`, nonce: '' });
    const reads = (proxy: { seen: string[] }): number =>
      proxy.seen.filter((line) => line.startsWith('GET ') && line.includes('.json') && !line.includes('?')).length;
    const proxy = await startProxy(s3, () => 'none');
    try {
      const cold = createStore({ ...s3.options, port: proxy.port });
      expect((await append(cold, folder, 'a', 30)).seq).toBe(41);
      expect(reads(proxy)).toBe(10);
      expect((await append(cold, folder, 'b', 30)).seq).toBe(42);
      expect(reads(proxy)).toBe(10);
      await append(store, folder, 'elsewhere');
      // Somebody who gives no hint wants all: what is above is known, what is below is read now.
      expect((await append(cold, folder, 'c7')).seq).toBe(7);
      expect(reads(proxy)).toBe(10 + 1 + 30 + 1);
      expect((await append(cold, folder, 'elsewhere')).seq).toBe(43);
      expect((await append(cold, folder, 'd')).seq).toBe(44);
      expect(reads(proxy)).toBe(43);
    } finally {
      await proxy.stop();
    }
  });

  it('goes on where a call broke off', async () => {
    const folder = newFolder();
    for (let seq = 1; seq <= 48; seq++)
      await store.json.create(sequenceKey(folder, seq), { kind: 'note', seq, causeId: `c${seq}`, nonce: '' });
    let broken = true;
    const reads = new Set<string>();
    const proxy = await startProxy(s3, (method, key) => {
      const isRead = method === 'GET' && key.includes('.json') && !key.includes('?');
      if (isRead && !broken) reads.add(key);
      return broken && isRead && key.endsWith('00000040.json') ? 'unavailable' : 'none';
    });
    try {
      const cold = createStore({ ...s3.options, port: proxy.port, retries: 0 });
      await expect(append(cold, folder, 'a')).rejects.toMatchObject({ type: 'Unavailable' });
      broken = false;
      expect((await append(cold, folder, 'a')).seq).toBe(49);
      expect([...reads].filter((key) => key < sequenceKey(folder, 33))).toEqual([]);
      expect(reads.size).toBeGreaterThanOrEqual(16);
    } finally {
      await proxy.stop();
    }
  });

  it('names a damaged record', async () => {
    const folder = newFolder();
    const { seq } = await append(store, folder, 'a');
    await flipByte(s3, sequenceKey(folder, seq), 3);
    await expect(store.records.newest(folder)).rejects.toMatchObject({
      type: 'Corrupt',
      message: expect.stringContaining(sequenceKey(folder, seq)) as string,
    });
  });
});
