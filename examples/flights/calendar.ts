/** The example's calendar, in feed time (UTC): January to learn from, then production weeks that start on Mondays. */

const DAY_MS = 86_400_000;
export const WEEK_MS = 7 * DAY_MS;

/** What the first champion learns from ends here, exclusive. */
export const JANUARY_END = '2001-02-01T00:00:00.000Z';
/** The first production window begins here; it is `windows.anchor` in model.yaml. */
export const PRODUCTION_START = '2001-02-05T00:00:00.000Z';
/** The data end with June, six days into the last week; its labels come in July. */
export const MAX_WEEKS = 21;
/** The gate's limits were chosen on the weeks before; from here on they are only reported. */
export const REPORTED_FROM = '2001-04-30T00:00:00.000Z';
/** The real outcome of a flight becomes known a week after it. */
export const LABEL_DELAY_DAYS = 7;

export interface Week {
  /** Counts from 1. */
  k: number;
  /** Inclusive, ISO 8601. */
  from: string;
  /** Exclusive. */
  to: string;
  /** `2001-02-05`: names the week in paths. */
  day: string;
}

/** The production week `k`, counted from 1. */
export function productionWeek(k: number): Week {
  const fromMs = Date.parse(PRODUCTION_START) + (k - 1) * WEEK_MS;
  const from = new Date(fromMs).toISOString();
  return { k, from, to: new Date(fromMs + WEEK_MS).toISOString(), day: from.slice(0, 10) };
}

/** The days on which the labels of a week arrive, `YYYY-MM-DD`. */
export function labelDays(week: Week): string[] {
  const firstMs = Date.parse(week.from) + LABEL_DELAY_DAYS * DAY_MS;
  return Array.from({ length: 7 }, (_, i) => new Date(firstMs + i * DAY_MS).toISOString().slice(0, 10));
}
