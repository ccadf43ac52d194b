/** Times cross borders as ISO 8601 strings in UTC; keys carry the compact form. */

/** `2001-02-05T00:00:00.000Z` becomes `20010205T000000Z` (seconds; a fraction is cut). */
export function keyTime(iso: string): string {
  return new Date(iso)
    .toISOString()
    .replace(/\.\d{3}Z$/, 'Z')
    .replace(/[-:]/g, '');
}

/** The inverse of `keyTime`; undefined when `key` is not such a time. */
export function parseKeyTime(key: string): string | undefined {
  const m = /^(\d{4})(\d{2})(\d{2})T(\d{2})(\d{2})(\d{2})Z$/.exec(key);
  return m ? `${m[1]}-${m[2]}-${m[3]}T${m[4]}:${m[5]}:${m[6]}.000Z` : undefined;
}

const UNIT_MS: Record<string, number> = { s: 1e3, m: 6e4, h: 36e5, d: 864e5, w: 6048e5 };
export const DURATION_RULE = 'a duration is a whole number and a unit: 30s, 15m, 12h, 7d or 2w';

/** `7d` → 604,800,000 ms; undefined when `text` is not a duration. */
export function parseDurationMs(text: string): number | undefined {
  const m = /^(\d{1,6})(s|m|h|d|w)$/.exec(text);
  return m ? Number(m[1]) * (UNIT_MS[m[2] as string] as number) : undefined;
}

export const toIso = (ms: number): string => new Date(ms).toISOString();
/** The UTC day of an instant, `YYYY-MM-DD`: the `dt` of the logs. */
export const dayOf = (iso: string): string => iso.slice(0, 10);
