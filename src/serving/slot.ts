import type { Model } from '../adapters/onnx/session.js';

/** A loaded model that answers: who it is, and its session. */
export interface Champion {
  release: number;
  epoch: number;
  sha256: string;
  session: Session;
}

/** A session with its users counted: it is disposed when it is retired and the last request on it has ended. */
export interface Session {
  readonly model: Model;
  acquire(): void;
  release(): void;
  retire(): void;
}

export function createSession(model: Model, onDisposeFailed: (error: unknown) => void): Session {
  let users = 0;
  let retired = false;
  let disposed = false;
  const disposeIfUnused = (): void => {
    if (!retired || users > 0 || disposed) return;
    disposed = true;
    model.dispose().catch(onDisposeFailed);
  };
  return {
    model,
    acquire: () => void users++,
    release: () => {
      users--;
      disposeIfUnused();
    },
    retire: () => {
      retired = true;
      disposeIfUnused();
    },
  };
}

/** One model's place: who serves, and what stands in the way of the next. */
export interface Slot {
  readonly model: string;
  champion: Champion | undefined;
  /** Why the pointer's release does not serve; undefined: it does, or there is none. */
  problem: string | undefined;
  /** Whether a live pointer was ever seen. */
  hasPointer: boolean;
  swaps: number;
}

/** The whole swap: requests from now on get `next`; those on the old session end in peace. */
export function swap(slot: Slot, next: Champion): void {
  const old = slot.champion;
  slot.champion = next;
  slot.problem = undefined;
  if (!old) return;
  slot.swaps++;
  if (old.session !== next.session) old.session.retire();
}
