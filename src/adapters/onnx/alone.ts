import { constants, copyFile, link, mkdtemp, readdir, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';

/**
 * Runs `use` with a path at which the model lies alone in its folder: the runtime looks for a model's other files beside it and
 * nowhere else, so there is nothing to find, whatever a model says. A link (or a copy, below `scratchDir`) unless it lies alone.
 */
export async function alone<T>(path: string, scratchDir: string, use: (path: string) => Promise<T>): Promise<T> {
  if ((await readdir(dirname(path))).length === 1) return use(path);
  const folder = await mkdtemp(join(scratchDir, 'seawall-model-'));
  try {
    const own = join(folder, 'model.onnx');
    // Another file system, or one without links.
    await link(path, own).catch(() => copyFile(path, own, constants.COPYFILE_FICLONE));
    return await use(own);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
