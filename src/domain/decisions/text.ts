/** Numbers as people on call read them. */

export const percent = (share: number): string => {
  const value = share * 100;
  // A few broken rows in a million must not read as none.
  return value > 0 && value < 0.1 ? 'less than 0.1 %' : `${Number(value.toFixed(1))} %`;
};
export const fixed = (value: number, digits = 3): string => value.toFixed(digits);
export const count = (n: number): string => n.toLocaleString('en-US');
/** `2001-02-05T00:00:00.000Z` as `2001-02-05`, with the time where it is not midnight. */
export const moment = (iso: string): string => iso.replace(/T00:00:00(\.000)?Z$/, '').replace(/\.000Z$/, 'Z');
export const span = (window: { from: string; to: string }): string => `${moment(window.from)} to ${moment(window.to)}`;
/** The two largest units: `6 d 4 h`. */
export function duration(ms: number): string {
  const units: [string, number][] = [
    ['d', 864e5],
    ['h', 36e5],
    ['min', 6e4],
    ['s', 1e3],
  ];
  const parts: string[] = [];
  let left = ms;
  for (const [unit, size] of units) {
    const whole = Math.floor(left / size);
    if (whole > 0) parts.push(`${whole} ${unit}`);
    left -= whole * size;
  }
  return parts.slice(0, 2).join(' ') || 'less than a second';
}
