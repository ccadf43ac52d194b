/** Fetch: the run's data onto a host of the pool, and the holdout into object storage. */
import { type FetchedData, keys, type RunHoldout, type RunRef } from '../contracts/index.js';
import { beating } from './heartbeat.js';
import type { FetchProgress, Materialize } from './materialize.js';
import { patient } from './outage.js';
import type { BlobStore, JsonStore } from './ports.js';
import { readPlan } from './run.js';

export interface FetchPorts {
  json: JsonStore;
  blobs: BlobStore;
  materialize: Materialize;
  workerId: string;
}

export type FetchActivities = ReturnType<typeof createFetchActivities>;

export function createFetchActivities({ json, blobs, materialize, workerId }: FetchPorts) {
  return {
    /**
     * Fetches and splits the plan's files; the holdout becomes a blob, since it is evaluated elsewhere.
     * An outage of storage is waited out. @throws SeawallError `NotFound`, `BadData`; final `Corrupt`: an object is damaged
     */
    async fetchDataset({ model, n }: RunRef): Promise<FetchedData> {
      let progress: FetchProgress | null = null;
      return beating(
        () => progress,
        async (signal) => {
          const plan = await readPlan(patient(json, signal), model, n);
          const made = await materialize(plan, { signal, onProgress: (now) => (progress = now) });
          signal.throwIfAborted();
          const holdout = await patient(blobs, signal).putFile(made.holdoutFile);
          const { files, bytes, trainRows, holdoutRows } = made;
          const named: RunHoldout = {
            kind: 'run-holdout',
            schema: 1,
            model,
            n,
            holdout: { ...holdout, rows: holdoutRows },
          };
          await patient(json, signal).create(keys.runHoldout(model, n, holdout.sha256), named);
          return { workerId, files, bytes, trainRows, holdout: named.holdout };
        },
      );
    },
  };
}
