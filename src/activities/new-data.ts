/** What a dataset has that the champion has not learnt from. */
import {
  keys,
  type ModelConfig,
  type NewData,
  type ReleaseRecord,
  type RunPlan,
  SeawallError,
  type Sha256,
} from '../contracts/index.js';
import type { DatasetStore, JsonStore, RecordStore } from './ports.js';
import { trainingFiles } from './training-files.js';

interface Ports {
  json: JsonStore;
  records: RecordStore;
  datasets: DatasetStore;
}

/**
 * Compares, by content, the files that a run would learn from now with those that the run of the champion's release has learnt from.
 * What cannot be compared is said in `problem`, so that a dataset that is broken keeps no window from being judged.
 * @throws SeawallError `Unavailable`, `AccessDenied`
 */
export async function newDataOf(
  ports: Ports,
  { name: model, dataset }: ModelConfig,
  champion: number,
  version: Sha256,
  now: string,
): Promise<NewData> {
  try {
    const learnt = await learntContent(ports, model, champion);
    const { include } = await trainingFiles(ports, model, dataset, version, now);
    const fresh = include.filter(({ sha256 }) => !learnt.has(sha256));
    return { newFiles: fresh.length, newBytes: bytesOf(fresh), files: include.length, bytes: bytesOf(include) };
  } catch (error) {
    if (!(error instanceof SeawallError) || error.type === 'Unavailable' || error.type === 'AccessDenied') throw error;
    return { newFiles: 0, newBytes: 0, files: 0, bytes: 0, problem: error.message };
  }
}

async function learntContent({ json, records, datasets }: Ports, model: string, release: number): Promise<Set<Sha256>> {
  const record = await records.read<ReleaseRecord>(keys.releases(model), release);
  const plan = record && (await json.read<RunPlan>(keys.runPlan(model, record.run)))?.value;
  if (!plan)
    throw new SeawallError(
      'NotFound',
      `the plan of release ${release}'s run is not in storage: nobody can say what it has learnt from`,
      'Restore it from a backup of the bucket.',
    );
  const { name, version, include } = plan.dataset;
  const paths = new Set(include);
  const { files } = await datasets.manifest(name, version);
  return new Set(files.filter(({ path }) => paths.has(path)).map(({ sha256 }) => sha256));
}

const bytesOf = (files: readonly { size: number }[]): number => files.reduce((sum, { size }) => sum + size, 0);
