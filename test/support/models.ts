/** Small ONNX models for tests. */
import { readFile, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { BlobRef } from '../../src/contracts/index.js';
import type { Steps } from './steps.js';

const FOLDER = resolve(import.meta.dirname, '../fixtures/models');
const BIAS = Buffer.from(Float32Array.of(0.123456789).buffer);

/** score = sigmoid(bias + 0.1 · hour - 0.001 · distance + weight(origin)); NaN makes every score NaN. */
export async function biased(bias: number): Promise<Buffer> {
  const bytes = await readFile(join(FOLDER, 'flights.onnx'));
  const at = bytes.indexOf(BIAS);
  if (at < 0) throw new Error('the fixture has no bias to replace');
  Buffer.from(Float32Array.of(bias).buffer).copy(bytes, at);
  return bytes;
}

export const fixture = (name: string): Promise<Buffer> => readFile(join(FOLDER, `${name}.onnx`));

export async function storeModel({ store, home }: Steps, bytes: Buffer): Promise<BlobRef> {
  const path = join(home, `model-${Math.random()}.onnx`);
  await writeFile(path, bytes);
  return store.blobs.putFile(path);
}
