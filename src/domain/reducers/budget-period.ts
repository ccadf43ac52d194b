/** Budget periods: unions of whole UTC days, so that what was spent per day serves every one of them. */
import { type BudgetPeriod, dayOf, toIso } from '../../contracts/index.js';

const DAY_MS = 864e5;

/** A half-open range of days, `YYYY-MM-DD`. */
export interface Period {
  from: string;
  to: string;
}

/** The period that holds the instant: a day, a week from Monday, a month from the first. */
export function periodOf(per: BudgetPeriod, ms: number): Period {
  const midnight = Math.floor(ms / DAY_MS) * DAY_MS;
  switch (per) {
    case 'day':
      return days(midnight, midnight + DAY_MS);
    case 'week': {
      // 1970-01-01 was a Thursday.
      const monday = midnight - ((midnight / DAY_MS + 3) % 7) * DAY_MS;
      return days(monday, monday + 7 * DAY_MS);
    }
    case 'month': {
      const date = new Date(midnight);
      const first = (later: number) => Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + later);
      return days(first(0), first(1));
    }
  }
}

const days = (fromMs: number, toMs: number): Period => ({ from: dayOf(toIso(fromMs)), to: dayOf(toIso(toMs)) });

export const holds = ({ from, to }: Period, day: string): boolean => from <= day && day < to;
export const startMs = (day: string): number => Date.parse(`${day}T00:00:00.000Z`);
