/** Temporal's context, as thin as it gets: a heartbeat while something runs, and the signal that ends it. */
import { Context } from '@temporalio/activity';

const BEAT_MS = 2_000;

/**
 * Runs `work` under a heartbeat: at once, then every two seconds with the newest `details()`. The signal aborts when the
 * activity is cancelled or its worker shuts down; `work` must end its processes before it settles.
 */
export async function beating<T>(details: () => unknown, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const context = Context.current();
  const beat = () => context.heartbeat(details());
  beat();
  const timer = setInterval(beat, BEAT_MS);
  try {
    return await work(context.cancellationSignal);
  } finally {
    clearInterval(timer);
  }
}
