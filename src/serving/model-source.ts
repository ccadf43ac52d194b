import { isName, keys } from '../contracts/index.js';
import type { ModelCache } from './model-cache.js';
import { createFollower } from './pointer-follower.js';
import type { Watch } from './pointer-follower.js';
import type { ServingLogger, ServingStore } from './ports.js';
import { textOf } from './problem.js';
import type { Slot } from './slot.js';

export interface SourceOptions {
  store: ServingStore;
  cache: ModelCache;
  logger: ServingLogger;
  models: readonly string[] | undefined;
  intraOpThreads: number;
  pointerPollMs: number;
  discoveryPollMs: number;
}
export interface ModelSource {
  slots: ReadonlyMap<string, Slot>;
  /** Serves the local copies first, then looks into the store until it has answered once or `waitMs` is over. */
  start(waitMs: number): Promise<void>;
  /** Whether the store has told which models there are. */
  isDiscovered(): boolean;
  stop(): Promise<void>;
}

/** Finds the models and polls their live pointers. */
export function createModelSource(options: SourceOptions): ModelSource {
  const { store, logger } = options;
  let stopped = false;
  const { follow, serve } = createFollower({ ...options, isStopped: () => stopped });
  const slots = new Map<string, Slot>();
  const watches = new Map<string, Watch>();
  let discovered = options.models !== undefined;
  let storeDown = false;
  let timer: NodeJS.Timeout | undefined;
  let running: Promise<void> = Promise.resolve();
  let discoverAt = 0;
  let prunedAtSwaps = 0;

  const watchOf = (model: string): Watch => {
    const known = watches.get(model);
    if (known) return known;
    const slot: Slot = { model, champion: undefined, problem: undefined, hasPointer: false, swaps: 0 };
    const watch: Watch = { slot, etag: undefined, failures: 0, retryAt: 0 };
    slots.set(model, slot);
    watches.set(model, watch);
    return watch;
  };

  const discover = async (): Promise<void> => {
    if (options.models) return;
    for await (const model of modelNames(store)) watchOf(model);
    discovered = true;
  };

  const discoverWhenDue = async (): Promise<void> => {
    if (Date.now() < discoverAt) return;
    await discover();
    discoverAt = Date.now() + options.discoveryPollMs;
  };

  /** A listing that fails does not keep the known pointers from being followed. */
  const pass = async (): Promise<void> => {
    const listed = await Promise.allSettled([discoverWhenDue()]);
    const followed = await Promise.allSettled([...watches.values()].map(follow));
    await pruneAfterSwaps();
    const failed = [...listed, ...followed].find((result) => result.status === 'rejected');
    if (failed && !storeDown) {
      logger.warn({ error: textOf(failed.reason) }, 'object storage does not answer; serving goes on with what it has');
    }
    if (!failed && storeDown) logger.info({}, 'object storage answers again');
    storeDown = failed !== undefined;
  };

  /** Only between two looks: while a model is being loaded its file has no pointer yet, and would be removed. */
  const pruneAfterSwaps = async (): Promise<void> => {
    const swaps = [...slots.values()].reduce((sum, slot) => sum + slot.swaps, 0);
    if (swaps === prunedAtSwaps) return;
    prunedAtSwaps = swaps;
    await options.cache.prune().catch((error: unknown) => {
      logger.warn({ error: textOf(error) }, 'model files that are no longer used were not removed');
    });
  };

  const serveLocalCopies = async (): Promise<void> => {
    for (const release of await options.cache.remembered()) {
      if (options.models && !options.models.includes(release.model)) continue;
      const { slot } = watchOf(release.model);
      slot.hasPointer = true;
      await serve(slot, release).catch((error: unknown) => {
        slot.problem = `the local copy of release ${release.release} cannot be served: ${textOf(error)}`;
        logger.warn(
          { model: release.model, release: release.release, error: textOf(error) },
          'a local copy is unusable',
        );
      });
    }
  };

  const loop = (): void => {
    running = pass().finally(() => {
      if (!stopped) timer = setTimeout(loop, options.pointerPollMs);
    });
  };

  return {
    slots,
    isDiscovered: () => discovered,
    start: async (waitMs) => {
      options.models?.forEach(watchOf);
      await serveLocalCopies();
      loop();
      await within(running, waitMs);
    },
    stop: async () => {
      stopped = true;
      clearTimeout(timer);
      await within(running, 1_000);
      for (const { champion } of slots.values()) champion?.session.retire();
    },
  };
}

/** Names below `models/`: one short listing per model, because below each lie years of records. */
async function* modelNames(store: ServingStore): AsyncGenerator<string> {
  let after: string | undefined;
  for (;;) {
    const name = await firstName(store, after);
    if (name === undefined) return;
    if (isName(name)) yield name;
    // '0' is the character after '/': behind everything below this model.
    after = `${keys.models}${name}0`;
  }
}

async function firstName(store: ServingStore, after: string | undefined): Promise<string | undefined> {
  for await (const { key } of store.list(keys.models, after)) return key.slice(keys.models.length).split('/')[0];
  return undefined;
}

/** Waits for `work`, but at most `ms`; never rejects. */
export async function within(work: Promise<unknown>, ms: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<void>((resolve) => (timer = setTimeout(resolve, ms)));
  await Promise.race([work.then(undefined, () => undefined), limit]);
  clearTimeout(timer);
}
