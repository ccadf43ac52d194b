/** A process of the stack must not outlive whoever started it. */

const FORCE_AFTER_MS = 20_000;

/**
 * Ends this process like a SIGTERM would when the channel to its parent closes, which the operating system does however the
 * parent dies; by force if it has not ended some time later. Without a channel there is nothing to watch.
 */
export function exitWithParent(): void {
  if (!process.channel) return;
  process.once('disconnect', () => {
    process.kill(process.pid, 'SIGTERM');
    setTimeout(() => process.exit(1), FORCE_AFTER_MS).unref();
  });
  // Watching must not keep a finished command alive.
  process.channel.unref();
}

/** Aborts at the first SIGINT or SIGTERM; a second one ends the process at once. */
export function untilSignalled(): AbortController {
  const controller = new AbortController();
  const onSignal = (signal: NodeJS.Signals) => {
    if (controller.signal.aborted) process.exit(signal === 'SIGINT' ? 130 : 143);
    controller.abort(new Error(`ended by ${signal}`));
  };
  process.on('SIGINT', onSignal).on('SIGTERM', onSignal).on('SIGHUP', onSignal);
  return controller;
}
