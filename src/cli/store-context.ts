/** What commands share that need no Temporal: storage, options, who acts. Loading Temporal's client would be half of their time. */
import { hostname, userInfo } from 'node:os';
import { setFlagsFromString } from 'node:v8';
import { createStore, type Store } from '../adapters/store/index.js';
import { loadS3Config } from '../workers/config.js';
import type { CommandContext } from './command.js';
import { textOption } from './options.js';

export { countOption, textOption, usageError } from './options.js';

export type Place = Pick<CommandContext, 'env' | 'cwd'>;

export async function withStore<T>({ env, cwd }: Place, use: (store: Store) => Promise<T>): Promise<T> {
  // By itself V8 lets a heap grow to four times what is in use: with 100,000 files half a gigabyte, of which 100 MB are in use.
  setFlagsFromString('--heap-growing-percent=30');
  const store = createStore(loadS3Config(env, cwd));
  try {
    return await use(store);
  } finally {
    store.close();
  }
}

/** Who acts: `--by`, else the user of this machine. */
export function actor(context: Pick<CommandContext, 'options' | 'env'>): string {
  const own = `${context.env['USER'] || userName()}@${hostname()}`;
  return (textOption(context, 'by') ?? own).slice(0, 200);
}

function userName(): string {
  try {
    return userInfo().username;
  } catch {
    return 'unknown'; // in a container a user can be without a name
  }
}
