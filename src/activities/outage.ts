/** Storage that is away for a while, and objects that are damaged: what a step does about them before it gives up. */
import { setTimeout as sleep } from 'node:timers/promises';
import { SeawallError } from '../contracts/index.js';
import { finalFailure } from './errors.js';

const FIRST_PAUSE_MS = 250;
const LONGEST_PAUSE_MS = 15_000;
/** Damage in transit is gone with the next download; what is still there after three lies damaged in the store. */
const DAMAGED_TRIES = 3;

/**
 * `work`, again and again while storage does not answer (`Unavailable`), until the signal aborts: giving up would cost an attempt
 * and what was already paid for. Pauses double up to 15 seconds. Damaged content (`Corrupt`) is read three times and is then
 * final: the same bytes would be refused for ever. Call it under `beating`, which heartbeats meanwhile.
 * @throws the signal's reason; a final failure `Corrupt`; every other error at once
 */
export async function waitingOut<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> {
  let damaged = 0;
  for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(2 * pauseMs, LONGEST_PAUSE_MS)) {
    signal.throwIfAborted();
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof SeawallError)) throw error;
      if (error.type === 'Corrupt') damaged += 1;
      else if (error.type !== 'Unavailable') throw error;
      if (damaged >= DAMAGED_TRIES) throw finalFailure(error, `${error.message} (read ${damaged} times)`);
    }
    await sleep(pauseMs, undefined, { signal }).catch(() => signal.throwIfAborted());
  }
}

/** A port whose every promise is waited out. What is no promise (a listing) stays as it is. */
export function patient<P extends object>(port: P, signal: AbortSignal): P {
  return new Proxy(port, {
    get(target, name) {
      const member = Reflect.get(target, name) as unknown;
      if (typeof member !== 'function') return member;
      return (...args: unknown[]): unknown => {
        signal.throwIfAborted();
        const call = (): unknown => (member as (...args: unknown[]) => unknown).apply(target, args);
        const first = call();
        if (!(first instanceof Promise)) return first;
        const tries = [first as Promise<unknown>];
        return waitingOut(signal, () => tries.pop() ?? (call() as Promise<unknown>));
      };
    },
  });
}
