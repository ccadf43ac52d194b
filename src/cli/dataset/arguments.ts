/** What the commands about datasets share: how versions are typed and shown, and how progress is told. */
import type { Store } from '../../adapters/store/index.js';
import { isName, NAME_RULE } from '../../contracts/index.js';
import type { CommandContext } from '../command.js';
import { usageError } from '../store-context.js';

export interface VersionArgument {
  name: string;
  /** A digest or its beginning, a tag, or `head`. */
  ref: string;
}

/** `visits` or `visits@v2`; `@v2` where the name is known. */
export function versionArgument(context: CommandContext, text: string, known?: string): VersionArgument {
  const at = text.indexOf('@');
  const name = (at === -1 ? text : text.slice(0, at)) || (known ?? '');
  const ref = at === -1 ? 'head' : text.slice(at + 1);
  if (ref === '') throw usageError(context, `"${text}" names no version: give a digest, a tag or head after the @`);
  return { name: datasetName(context, name), ref };
}

export function datasetName(context: CommandContext, name: string): string {
  if (isName(name)) return name;
  throw usageError(context, `"${name}" cannot be the name of a dataset: ${NAME_RULE}`);
}

export async function resolveVersion(store: Store, { name, ref }: VersionArgument): Promise<string> {
  return store.datasets.resolve(name, ref);
}

/** Enough to name a version in practice. */
export const short = (version: string): string => version.slice(0, 12);

const UNITS = ['bytes', 'kB', 'MB', 'GB', 'TB'];
/** In powers of 1,000: `1.07 GB`. */
export function sizeText(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= 1_000 && unit < UNITS.length - 1) {
    value /= 1_000;
    unit += 1;
  }
  return `${unit === 0 ? value : value.toPrecision(3)} ${UNITS[unit]}`;
}

export const countText = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? '' : 's'}`;

/** Tells a line at most every two seconds: a log is not filled, and a person sees that it goes on. */
export function teller(context: CommandContext): (line: () => string) => void {
  let toldAt = performance.now();
  return (line) => {
    if (performance.now() - toldAt < 2_000) return;
    toldAt = performance.now();
    context.output.progress(line());
  };
}
