/** One finding of `seawall doctor`. */
export interface Check {
  name: string;
  status: 'ok' | 'warn' | 'fail';
  /** What was found. */
  found: string;
  /** What to do; only where there is something to do. */
  next?: string;
}

export const ok = (name: string, found: string): Check => ({ name, status: 'ok', found });
export const warn = (name: string, found: string, next: string): Check => ({ name, status: 'warn', found, next });
export const fail = (name: string, found: string, next: string): Check => ({ name, status: 'fail', found, next });
