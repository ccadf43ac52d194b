// What a person sees while set-up runs. Everything goes to stderr: stdout belongs to the command (`--json`).
const startedAt = performance.now();

/** Seconds since the script began, as text for a progress line. */
export function elapsed(since = startedAt) {
  const seconds = (performance.now() - since) / 1000;
  return seconds < 60 ? `${seconds.toFixed(1)} s` : `${Math.floor(seconds / 60)} min ${Math.round(seconds % 60)} s`;
}

/** One line of progress. */
export function say(text) {
  process.stderr.write(`[${elapsed().padStart(7)}] ${text}\n`);
}

/**
 * Runs one named step and says when it began and how long it took; while it runs, a line every 15 s says that it is still
 * alive, because a silent minute looks like a hang.
 */
export async function step(title, work) {
  const since = performance.now();
  say(`${title} …`);
  const alive = setInterval(() => say(`  still at it: ${title} (${elapsed(since)})`), 15_000);
  try {
    const result = await work();
    say(`  done in ${elapsed(since)}`);
    return result;
  } finally {
    clearInterval(alive);
  }
}

/** An error that a person can act on: printed as one message, without a stack trace. */
export class SetupError extends Error {}
