/** Whether every release could be gone back to: what it names must be in the store. */
import type { RecordStore } from '../../activities/ports.js';
import { keys, type ReleaseRecord } from '../../contracts/index.js';
import type { S3 } from './s3.js';

export interface MissingObject {
  model: string;
  release: number;
  /** As `model`, `reference`. */
  what: string;
  /** `s3://…` */
  object: string;
}

export function createRollbackCheck(s3: S3, records: RecordStore): () => Promise<MissingObject[]> {
  return async () => {
    const found: MissingObject[] = [];
    for (const model of await modelsOf(s3)) {
      for await (const release of records.list<ReleaseRecord>(keys.releases(model))) {
        const { artifact, reference, holdout, evidence, dataset } = release;
        const needed = {
          model: keys.blob(artifact.sha256),
          reference: keys.blob(reference),
          holdout: keys.blob(holdout),
          evidence: keys.blob(evidence),
          'dataset version': keys.datasetVersion(dataset.name, dataset.version),
        };
        const looks = Object.entries(needed).map(async ([what, key]) => {
          if (!(await s3.look(key))) found.push({ model, release: release.release, what, object: s3.name(key) });
        });
        await Promise.all(looks);
      }
    }
    return found;
  };
}

async function modelsOf(s3: S3): Promise<string[]> {
  const models: string[] = [];
  for (let after: string | undefined; ; after = `${keys.models}${models.at(-1)}/\u{10ffff}`) {
    const { done, value } = await s3.list(keys.models, after, 1).next();
    if (done) return models;
    models.push(value.key.slice(keys.models.length).split('/')[0] as string);
  }
}
