import { SeawallError, keys } from '../contracts/index.js';
import type { LivePointer } from '../contracts/index.js';
import { loadRelease, resolveRelease } from './release-loader.js';
import type { CachedRelease, ModelCache } from './model-cache.js';
import type { ServingLogger, ServingStore } from './ports.js';
import { textOf } from './problem.js';
import { createSession, swap } from './slot.js';
import type { Slot } from './slot.js';

/** How a slot stands with the store. */
export interface Watch {
  slot: Slot;
  /** ETag of the pointer that serves. */
  etag: string | undefined;
  failures: number;
  retryAt: number;
}
export interface FollowerOptions {
  store: ServingStore;
  cache: ModelCache;
  logger: ServingLogger;
  intraOpThreads: number;
  pointerPollMs: number;
  isStopped(): boolean;
}
export interface Follower {
  /** One look at a model's pointer; serves what is new. Throws only when object storage does not answer. */
  follow(watch: Watch): Promise<void>;
  /** Loads a release beside the one that serves, and swaps. Throws `SeawallError`; the old one then goes on. */
  serve(slot: Slot, next: CachedRelease): Promise<void>;
}
const MAX_BACKOFF_MS = 30_000;

export function createFollower(options: FollowerOptions): Follower {
  const { store, cache, logger, intraOpThreads, pointerPollMs, isStopped } = options;

  const follow = async (watch: Watch): Promise<void> => {
    if (isStopped() || Date.now() < watch.retryAt) return;
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
    watch.retryAt = Date.now() + Math.min(MAX_BACKOFF_MS, pointerPollMs * 2 ** watch.failures++);
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
      const model = await loadRelease(store, cache, next, intraOpThreads);
      const onDisposeFailed = (error: unknown): void =>
        logger.warn({ model: slot.model, release, error: textOf(error) }, 'a retired model was not disposed');
      swap(slot, { release, epoch, sha256, session: createSession(model, onDisposeFailed) });
    }
    logger.info({ model: slot.model, release, epoch, from: old?.release ?? null }, 'a release serves');
    // The local copy is for the next start: failing to write it must not undo the swap.
    await cache
      .remember(next)
      .catch((error: unknown) => logger.warn({ model: slot.model, error: textOf(error) }, 'no local copy was kept'));
  };

  return { follow, serve };
}

const isUnavailable = (error: unknown): boolean => error instanceof SeawallError && error.type === 'Unavailable';
