import { lstat } from 'node:fs/promises';
import { join } from 'node:path';

/** What tells one writing of a file from another. */
type Stamp = { inode: number; modifiedMs: number; bytes: number } | undefined;

export interface ModelFiles {
  model: string;
  /** null: the trainer wrote none. */
  metrics: string | null;
  parity: string | null;
}

const modelPath = (modelDir: string): string => join(modelDir, 'model.onnx');

/** Taken before the start, so that a model of an earlier attempt is not taken for this one's. */
export async function stampModel(modelDir: string): Promise<Stamp> {
  const stat = await lstat(modelPath(modelDir)).catch(() => undefined);
  return stat && { inode: stat.ino, modifiedMs: stat.mtimeMs, bytes: stat.size };
}

/** The files, or in words why there is no usable model. Compares with a stamp, not with clocks: those may disagree. */
export async function findModel(modelDir: string, before: Stamp): Promise<ModelFiles | { problem: string }> {
  const model = modelPath(modelDir);
  const stat = await lstat(model).catch(() => undefined);
  if (stat === undefined) return { problem: `there is no ${model}` };
  if (!stat.isFile()) return { problem: `${model} is not a regular file` };
  if (stat.size === 0) return { problem: `${model} is empty` };
  if (before && before.inode === stat.ino && before.modifiedMs === stat.mtimeMs && before.bytes === stat.size) {
    return { problem: `${model} is older than this start; the trainer did not write it` };
  }
  return { model, metrics: await ifFile(modelDir, 'metrics.json'), parity: await ifFile(modelDir, 'parity.parquet') };
}

async function ifFile(folder: string, name: string): Promise<string | null> {
  const path = join(folder, name);
  return (await lstat(path).catch(() => undefined))?.isFile() ? path : null;
}
