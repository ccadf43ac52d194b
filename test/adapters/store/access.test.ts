import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createStore, type Store, type StoreOptions } from '../../../src/adapters/store/index.js';
import { startS3, type S3Server } from '../../support/s3.js';
import { flipByte, startForgetfulProxy, startProxy, startSilentServer, type Fault } from './faults.js';

let s3: S3Server;
let store: Store;
beforeAll(async () => {
  s3 = await startS3();
  store = createStore(s3.options);
});
afterAll(async () => s3.stop());

const newKey = (): string => `checks/${randomUUID()}.json`;
const document = (text: string) => ({ kind: 'note', text });
const text = (pattern: RegExp): string => expect.stringMatching(pattern) as string;

describe('access', () => {
  it('is fine with the right key', async () => {
    await expect(store.checkAccess()).resolves.toBeUndefined();
  });

  it.each([
    ['id', { accessKeyId: 'nobody' }],
    ['secret', { secretAccessKey: 'hush-hush' }],
  ] as [string, Partial<StoreOptions>][])(
    'says which key was refused where, when the %s is wrong',
    async (_, wrong) => {
      const one = createStore({ ...s3.options, ...wrong });
      const refused = {
        type: 'AccessDenied',
        message: text(new RegExp(`127.0.0.1:${s3.options.port} refused the key "(nobody|seawall-test)"`)),
        next: text(/AWS_ACCESS_KEY_ID/),
      };
      await expect(one.checkAccess()).rejects.toMatchObject(refused);
      await expect(one.json.read('x.json')).rejects.toMatchObject(refused);
      await expect(one.json.create('x.json', document('x'))).rejects.toMatchObject(refused);
      await expect(one.blobs.putJson({ kind: 'x' })).rejects.toMatchObject(refused);
      await expect(one.checkAccess()).rejects.not.toThrow(wrong.secretAccessKey ?? s3.options.secretAccessKey);
    },
  );

  it('is refused without keys, before any request', () => {
    expect(() => createStore({ ...s3.options, secretAccessKey: '' })).toThrow(/no access key/);
    expect(() => createStore({ ...s3.options, host: 'http://127.0.0.1' })).toThrow(/address/);
    for (const prefix of ['../up', 'a/../b', '/a', 'a/', 'a//b', 'a b'])
      expect(() => createStore({ ...s3.options, prefix })).toThrow(/prefix/);
  });

  it('says that there is no bucket', async () => {
    const one = createStore({ ...s3.options, bucket: 'no-such-bucket' });
    const missing = { type: 'NotFound', message: text(/no bucket "no-such-bucket"/), next: text(/Create the bucket/) };
    await expect(one.checkAccess()).rejects.toMatchObject(missing);
    await expect(one.json.read('x.json')).rejects.toMatchObject(missing);
    await expect(one.json.create('x.json', document('x'))).rejects.toMatchObject(missing);
  });
});

describe('a store that is away', () => {
  it('is named when it refuses connections', async () => {
    const silent = await startSilentServer();
    await silent.stop();
    const one = createStore({ ...s3.options, port: silent.port, retries: 1 });
    await expect(one.checkAccess()).rejects.toMatchObject({
      type: 'Unavailable',
      message: text(new RegExp(`http://127.0.0.1:${silent.port} refuses connections, 2 times`)),
      next: text(/AWS_ENDPOINT_URL_S3/),
    });
  });

  it('is given up at the deadline when it accepts and never answers', async () => {
    const silent = await startSilentServer();
    try {
      const one = createStore({ ...s3.options, port: silent.port, deadlineMs: 100, retries: 1 });
      const begun = performance.now();
      await expect(one.json.create('x.json', document('x'))).rejects.toMatchObject({
        type: 'Unavailable',
        message: text(/did not answer within 100 ms, 2 times/),
      });
      const elapsedMs = performance.now() - begun;
      expect(elapsedMs).toBeGreaterThan(190);
      expect(elapsedMs).toBeLessThan(3000);
    } finally {
      await silent.stop();
    }
  });

  it('is waited for while it is started again', async () => {
    const key = newKey();
    await store.json.create(key, document('before'));
    await s3.kill();
    const reading = store.json.read(key);
    await s3.restart();
    expect(await reading).toMatchObject({ value: document('before') });
  });

  it('is asked again after 503, and its other refusals are told at once', async () => {
    const faults: Fault[] = ['unavailable', 'unavailable'];
    const proxy = await startProxy(s3, () => faults.shift() ?? 'none');
    try {
      const one = createStore({ ...s3.options, port: proxy.port });
      await one.checkAccess();
      expect(proxy.seen).toHaveLength(3);
      const none = createStore({ ...s3.options, port: proxy.port, accessKeyId: 'nobody' });
      await expect(none.checkAccess()).rejects.toMatchObject({ type: 'AccessDenied' });
      expect(proxy.seen).toHaveLength(4);
    } finally {
      await proxy.stop();
    }
  });
});

describe('JSON documents', () => {
  it('are created once: equal content is the same creation, other content is refused', async () => {
    const key = newKey();
    expect(await store.json.create(key, { kind: 'a', b: 1 })).toBe('created');
    expect(await store.json.create(key, { b: 1, kind: 'a' })).toBe('created');
    expect(await store.json.create(key, { kind: 'a', b: 2 })).toBe('exists');
    expect((await store.json.read(key))?.value).toEqual({ kind: 'a', b: 1 });
    expect(await store.json.read(newKey())).toBeUndefined();
  });

  it('are created by exactly one of 20 at once', async () => {
    const key = newKey();
    const results = await Promise.all(Array.from({ length: 20 }, (_, i) => store.json.create(key, document(`${i}`))));
    expect(results.filter((result) => result === 'created')).toHaveLength(1);
    expect((await store.json.read(key))?.value).toEqual(document(`${results.indexOf('created')}`));
  });

  it('are known as created when the answer is lost', async () => {
    let puts = 0;
    const proxy = await startProxy(s3, (method) => (method === 'PUT' && puts++ === 0 ? 'loseAnswer' : 'none'));
    try {
      const key = newKey();
      expect(await createStore({ ...s3.options, port: proxy.port }).json.create(key, document('x'))).toBe('created');
      expect(puts).toBe(2);
    } finally {
      await proxy.stop();
    }
  });

  it('are called damaged, by name, when a byte changed or when they are none of ours', async () => {
    const key = newKey();
    await store.json.create(key, document('abcdefgh'));
    await flipByte(s3, key, 26);
    await expect(store.json.read(key)).rejects.toMatchObject({ type: 'Corrupt', message: text(new RegExp(key)) });
    const foreign = newKey();
    await store.json.create(foreign, ['no kind']);
    await expect(store.json.read(foreign)).rejects.toMatchObject({
      type: 'Corrupt',
      message: text(new RegExp(foreign)),
    });
  });

  it('are listed in order, after a key, over several pages', async () => {
    const folder = `checks/${randomUUID()}`;
    const names = Array.from({ length: 1005 }, (_, i) => `${folder}/${String(i).padStart(4, '0')}.json`);
    for (let i = 0; i < names.length; i += 50)
      await Promise.all(names.slice(i, i + 50).map((key) => store.json.create(key, document(key))));
    const listed: string[] = [];
    for await (const { key, size } of store.json.list(`${folder}/`)) {
      expect(size).toBeGreaterThan(0);
      listed.push(key);
    }
    expect(listed).toEqual(names);
    const rest: string[] = [];
    for await (const { key } of store.json.list(`${folder}/`, names[1000])) rest.push(key);
    expect(rest).toEqual(names.slice(1001));
  });
});

describe('a workspace', () => {
  it('belongs to the namespace that opened it first', async () => {
    const one = createStore({ ...s3.options, prefix: `w-${randomUUID()}` });
    const opened = await Promise.all([one.openWorkspace('mine'), one.openWorkspace('mine')]);
    expect(opened[0]).toEqual(opened[1]);
    expect(await one.openWorkspace('mine')).toMatchObject({ kind: 'seawall', namespace: 'mine' });
    await expect(one.openWorkspace('other')).rejects.toMatchObject({
      type: 'BadInput',
      message: text(/belongs to the Temporal namespace "mine", not to "other"/),
      next: text(/another prefix/),
    });
  });
});

describe('conditional writes', () => {
  it('are verified on a store that has them, which is left clean', async () => {
    const one = createStore({ ...s3.options, prefix: `w-${randomUUID()}` });
    await one.verifyConditionalWrites();
    for await (const { key } of one.json.list('')) expect.fail(`${key} was left behind`);
  });

  it.each(['if-none-match', 'if-match'])('are missed on a store that ignores %s', async (header) => {
    const proxy = await startForgetfulProxy(s3, header);
    try {
      const one = createStore({ ...s3.options, port: proxy.port, prefix: `w-${randomUUID()}` });
      await expect(one.verifyConditionalWrites()).rejects.toMatchObject({
        type: 'BadInput',
        message: text(new RegExp(`does not honour "${header}`, 'i')),
      });
    } finally {
      await proxy.stop();
    }
  });
});
