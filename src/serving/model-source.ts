import { SeawallError, isName, keys } from '../contracts/index.js';
import type { LivePointer } from '../contracts/index.js';
import { loadRelease, resolveRelease } from './release-loader.js';
import type { CachedRelease, ModelCache } from './model-cache.js';
import type { ServingLogger, ServingStore } from './ports.js';
import { textOf } from './problem.js';
import { createSession, swap } from './slot.js';
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

/** How a slot stands with the store. */
interface Watch {
  slot: Slot;
  /** ETag of the pointer that serves. */
  etag: string | undefined;
  failures: number;
  retryAt: number;
}
const MAX_BACKOFF_MS = 30_000;

/** Follows the live pointers: polls them, loads what is new beside what serves, swaps, and keeps the old one when that fails. */
export function createModelSource(options: SourceOptions): ModelSource {
  const { store, logger } = options;
  const slots = new Map<string, Slot>();
  const watches = new Map<string, Watch>();
  let discovered = options.models !== undefined;
  let storeDown = false;
  let stopped = false;
  let timer: NodeJS.Timeout | undefined;
  let running: Promise<void> = Promise.resolve();
  let discoverAt = 0;

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
    const failed = [...listed, ...followed].find((result) => result.status === 'rejected');
    if (failed && !storeDown) {
      logger.warn({ error: textOf(failed.reason) }, 'object storage does not answer; serving goes on with what it has');
    }
    if (!failed && storeDown) logger.info({}, 'object storage answers again');
    storeDown = failed !== undefined;
  };

  /** Throws only when object storage does not answer. */
  const follow = async (watch: Watch): Promise<void> => {
    if (stopped || Date.now() < watch.retryAt) return;
    let pointer: LivePointer | undefined;
    try {
      const found = await store.read<LivePointer>(keys.live(watch.slot.model));
      if (!found) return;
      if (found.etag === watch.etag) {
        // What stood in the way is gone: the pointer is again the one that serves.
        watch.slot.problem = undefined;
        watch.failures = 0;
        return;
      }
      watch.slot.hasPointer = true;
      pointer = found.value;
      await serve(watch.slot, await resolveRelease(store, pointer));
      watch.etag = found.etag;
      watch.failures = 0;
    } catch (error) {
      if (!pointer && isUnavailable(error)) throw error;
      refuse(watch, pointer, error);
    }
  };

  const refuse = (watch: Watch, pointer: LivePointer | undefined, error: unknown): void => {
    const { slot } = watch;
    watch.retryAt = Date.now() + Math.min(MAX_BACKOFF_MS, options.pointerPollMs * 2 ** watch.failures++);
    // The pointer itself may be what is wrong.
    const release = (pointer as Partial<LivePointer> | undefined)?.champion?.release ?? null;
    slot.problem = `${release === null ? 'the live pointer' : `release ${release}`} cannot be served: ${textOf(error)}`;
    const kept = slot.champion?.release ?? null;
    logger.error({ model: slot.model, release, kept, error: textOf(error) }, 'a release cannot be served');
  };

  const serve = async (slot: Slot, next: CachedRelease): Promise<void> => {
    const old = slot.champion;
    const { release, epoch, sha256 } = next;
    if (old?.sha256 === sha256) swap(slot, { release, epoch, sha256, session: old.session });
    else {
      const model = await loadRelease(store, options.cache, next, options.intraOpThreads);
      const onDisposeFailed = (error: unknown): void =>
        logger.warn({ model: slot.model, release, error: textOf(error) }, 'a retired model was not disposed');
      swap(slot, { release, epoch, sha256, session: createSession(model, onDisposeFailed) });
    }
    logger.info({ model: slot.model, release, epoch, from: old?.release ?? null }, 'a release serves');
    // The local copy is for the next start: failing to write it must not undo the swap.
    await options.cache
      .remember(next)
      .then(() => options.cache.prune())
      .catch((error: unknown) => logger.warn({ model: slot.model, error: textOf(error) }, 'no local copy was kept'));
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

const isUnavailable = (error: unknown): boolean => error instanceof SeawallError && error.type === 'Unavailable';

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
