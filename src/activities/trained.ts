/** Models on this host that are trained and not stored yet: an attempt may end between the two. */
import { createHash } from 'node:crypto';
import { access, readdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { canonicalJson, type RunPlan } from '../contracts/index.js';

export interface Trained {
  /** The attempt's folder. */
  folder: string;
  /** The model file, in that folder. */
  model: string;
  /** null: the trainer wrote none. Absent in markers of an older version. */
  parity?: string | null;
  seconds: number;
  device: string;
  log: { key: string; file: string };
}

const MARKER = 'trained.json';

/** Notes that the attempt's model is whole. */
export async function keepTrained(trained: Trained, plan: RunPlan): Promise<void> {
  const path = join(trained.folder, MARKER);
  await writeFile(`${path}.draft`, JSON.stringify({ plan: digestOf(plan), trained }));
  await rename(`${path}.draft`, path);
}

/** A model that was trained by this very plan; a wiped bucket begins with run 1 again, under another one. */
export async function findTrained(attempts: string, plan: RunPlan): Promise<Trained | undefined> {
  for (const name of await readdir(attempts).catch(() => [])) {
    const text = await readFile(join(attempts, name, MARKER), 'utf8').catch(() => undefined);
    if (text === undefined) continue;
    const marker = JSON.parse(text) as { plan: string; trained: Trained };
    // A folder may be half removed.
    const there = await access(marker.trained.model).then(
      () => true,
      () => false,
    );
    if (there && marker.plan === digestOf(plan)) return marker.trained;
  }
  return undefined;
}

const digestOf = (plan: RunPlan): string => createHash('sha256').update(canonicalJson(plan)).digest('hex');
