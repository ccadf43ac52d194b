/** Tells the person who waits: lines that stay, and on a terminal one line that is rewritten. */

export interface Teller {
  /** What happens now. On a terminal it is replaced by whatever comes next. */
  now(text: string): void;
  /** How much of the whole is done, 0 to 1; from it and the time that passed the terminal shows what remains. */
  progress(share: number): void;
  /** A line that stays. */
  line(text: string): void;
  /** Seconds since the beginning. */
  elapsedSeconds(): number;
  /** Removes the line that is rewritten. */
  end(): void;
}

interface Screen {
  isTTY?: boolean;
  columns?: number;
  write(text: string): unknown;
}

const TICK_MS = 1_000;
const ERASE_LINE = '\r\u001b[2K';

/** Writes to `screen`, every line with the time that has passed; when that is no terminal, only lines that stay. */
export function createTeller(screen: Screen, startedAtMs = Date.now()): Teller {
  const live = screen.isTTY === true;
  let current = '';
  let first: { share: number; atMs: number } | undefined;
  let done = 0;
  const elapsedSeconds = (): number => (Date.now() - startedAtMs) / 1000;
  const stamped = (text: string): string => `${clock(elapsedSeconds())}  ${text}`;
  const draw = (): void => {
    if (!live || current === '') return;
    screen.write(`${ERASE_LINE}${stamped(`${remaining()}${current}`).slice(0, (screen.columns ?? 120) - 1)}`);
  };
  /** What was done before the first report (an earlier run's part) cost this run nothing, so it is not counted. */
  const remaining = (): string => {
    if (!first || done <= first.share) return '';
    const leftMs = ((Date.now() - first.atMs) * (1 - done)) / (done - first.share);
    return `${Math.round(done * 100)} %, about ${clock(leftMs / 1000)} left: `;
  };
  // Also when nothing is said: a training run of a minute must not look like a hang.
  const ticking = live ? setInterval(draw, TICK_MS).unref() : undefined;
  return {
    now(text) {
      current = text;
      draw();
    },
    progress(share) {
      first ??= { share, atMs: Date.now() };
      done = share;
    },
    line(text) {
      screen.write(`${live ? ERASE_LINE : ''}${stamped(text)}\n`);
      draw();
    },
    elapsedSeconds,
    end() {
      clearInterval(ticking);
      if (live) screen.write(ERASE_LINE);
      current = '';
    },
  };
}

/** `1:05` */
export function clock(seconds: number): string {
  const whole = Math.floor(seconds);
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, '0')}`;
}
