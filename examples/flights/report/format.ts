/** Numbers and dates as the report writes them; a dash where nothing is known. */

const NONE = '–';

/** `31 %`, with a space that does not break. */
export const percent = (share: number | null, digits = 0): string =>
  share === null ? NONE : `${(share * 100).toFixed(digits)}\u00a0%`;

export const fixed = (value: number | null, digits: number): string => value?.toFixed(digits) ?? NONE;

export const signed = (value: number | null, digits: number): string =>
  value === null ? NONE : `${value < 0 ? '−' : '+'}${Math.abs(value).toFixed(digits)}`;

export const seconds = (value: number | null): string => (value === null ? NONE : `${value.toFixed(1)}\u00a0s`);

/** PSI over its four orders of magnitude. */
export const psiText = (psi: number | null): string =>
  psi === null ? NONE : psi >= 10 ? psi.toFixed(0) : psi >= 1 ? psi.toFixed(1) : psi.toFixed(psi >= 0.1 ? 2 : 3);

/** `2001-03-12` */
export const day = (iso: string): string => iso.slice(0, 10);

/** `12 March 2001`, in one piece. */
export const dated = (iso: string): string =>
  new Date(iso)
    .toLocaleDateString('en-GB', { day: 'numeric', month: 'long', year: 'numeric', timeZone: 'UTC' })
    .replaceAll(' ', '\u00a0');

/** The day before an end that is exclusive. */
export const lastDay = (to: string): string => new Date(Date.parse(to) - 1).toISOString();

/** `2001-03-12 09:30:00` */
export const moment = (iso: string): string => `${iso.slice(0, 10)} ${iso.slice(11, 19)}`;

/** `1 retrain`, `2 retrains` */
export const counted = (n: number, noun: string): string => `${n} ${noun}${n === 1 ? '' : 's'}`;
