import { createHash } from 'node:crypto';
import { mkdtemp, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createStore, type Store } from '../../../src/adapters/store/index.js';
import { createS3 } from '../../../src/adapters/store/s3.js';
import { createStockList } from '../../../src/adapters/store/stock-list.js';
import { keys, type BlobRef } from '../../../src/contracts/index.js';
import { startS3, type S3Server } from '../../support/s3.js';
import { startProxy, type Proxy } from './faults.js';

let s3: S3Server;
let proxy: Proxy;
let store: Store;
let folder: string;
beforeAll(async () => {
  s3 = await startS3();
  proxy = await startProxy(s3, () => 'none');
  store = createStore(s3.options);
  folder = await mkdtemp(join(tmpdir(), 'seawall-stock-'));
});
afterAll(async () => {
  store.close();
  await proxy.stop();
  await s3.stop();
  await rm(folder, { recursive: true, force: true });
});

async function put(text: string): Promise<BlobRef> {
  await writeFile(join(folder, 'f'), text);
  return store.blobs.putFile(join(folder, 'f'));
}
const absent = (text: string): BlobRef => ({
  sha256: createHash('sha256').update(text).digest('hex'),
  size: text.length,
});

it('asks for each folder once; what is old, or of another size, is told apart', async () => {
  const blobs: BlobRef[] = [];
  for (let i = 0; i < 40; i++) blobs.push(await put(`blob ${i}`));
  const old = blobs[0] as BlobRef;
  const inFolder = join(s3.folder, s3.options.bucket, s3.options.prefix, keys.blob(old.sha256));
  const fourDaysAgo = new Date(Date.now() - 4 * 86_400_000);
  await utimes(inFolder, fourDaysAgo, fourDaysAgo);
  const one = createS3({ ...s3.options, port: proxy.port });
  const has = createStockList(one);
  const asked = [...blobs, ...Array.from({ length: 400 }, (_, i) => absent(`none ${i}`))];
  const found = await Promise.all(asked.map((blob) => has(blob)));
  expect(found).toEqual(asked.map((_, i) => i > 0 && i < 40));
  expect(await has({ ...(blobs[1] as BlobRef), size: 99 })).toBe(false);
  const folders = new Set(asked.map(({ sha256 }) => sha256.slice(0, 2))).size;
  const count = (method: string): number => proxy.seen.filter((line) => line.startsWith(method)).length;
  // Only the old one is asked for itself.
  expect({ lists: count('GET'), looks: count('HEAD') }).toEqual({ lists: folders, looks: 1 });
  one.close();
});
