/** What the commands about models share: storage, Temporal, who speaks, and to which run. */
import { randomUUID } from 'node:crypto';
import { hostname, userInfo } from 'node:os';
import { CommanderError } from 'commander';
import { createStore, type Store } from '../adapters/store/index.js';
import { connectTemporal, createSeawallClient, type Envelope, type SeawallClient } from '../client/index.js';
import { type Answer, isName, type MessageName, NAME_RULE, SeawallError } from '../contracts/index.js';
import { loadS3Config, loadTemporalConfig } from '../workers/config.js';
import type { CommandContext } from './command.js';

type Place = Pick<CommandContext, 'env' | 'cwd'>;

export async function withStore<T>({ env, cwd }: Place, use: (store: Store) => Promise<T>): Promise<T> {
  const store = createStore(loadS3Config(env, cwd));
  try {
    return await use(store);
  } finally {
    store.close();
  }
}

export interface TemporalAccess {
  client: SeawallClient;
  namespace: string;
}
export async function withTemporal<T>(
  { env, cwd }: Place,
  use: (access: TemporalAccess) => Promise<T>,
  patience: { connectWithinMs?: number; answerWithinMs?: number } = {},
): Promise<T> {
  const { address, namespace, connectionOptions } = loadTemporalConfig(env, cwd);
  const { connectWithinMs: timeoutMs, answerWithinMs } = patience;
  const connection = await connectTemporal({
    connectionOptions: connectionOptions as { address: string },
    ...(timeoutMs === undefined ? {} : { timeoutMs }),
  });
  try {
    const options = { connection, namespace, address, ...(answerWithinMs === undefined ? {} : { answerWithinMs }) };
    return await use({ client: createSeawallClient(options), namespace });
  } finally {
    await connection.close();
  }
}

/** Wrong usage: exit code 2. */
export function usageError({ output }: Pick<CommandContext, 'output'>, message: string): CommanderError {
  if (!output.json) output.progress(`error: ${message}`);
  return new CommanderError(2, 'seawall.usage', message);
}

/** An option that takes a text. */
export function textOption({ options }: Pick<CommandContext, 'options'>, name: string): string | undefined {
  const value = options[name];
  return typeof value === 'string' && value !== '' ? value : undefined;
}

/** An option that counts from 1. */
export function countOption(context: CommandContext, name: string, flag: string): number | undefined {
  const text = textOption(context, name);
  if (text === undefined) return undefined;
  if (/^[1-9]\d{0,8}$/.test(text)) return Number(text);
  throw usageError(context, `${flag} takes a number from 1 on, not "${text}"`);
}

/** The model that the first argument names. */
export function modelArgument(context: CommandContext): string {
  return checkModel(context, context.args[0] ?? '');
}

/** `flights`, `flights/3` or `train/flights/3`, and `--run 3`. */
export function runArgument(context: CommandContext): { model: string; run: number | undefined } {
  const text = context.args[0] ?? '';
  const match = /^(?:train\/)?([^/]+)(?:\/([1-9]\d{0,8}))?$/.exec(text);
  const model = checkModel(context, match?.[1] ?? text);
  const inName = match?.[2] === undefined ? undefined : Number(match[2]);
  const given = countOption(context, 'run', '--run');
  if (inName !== undefined && given !== undefined && inName !== given)
    throw usageError(context, `${text} and --run ${given} are two runs: name one`);
  return { model, run: given ?? inName };
}

function checkModel(context: CommandContext, text: string): string {
  if (isName(text)) return text;
  throw usageError(context, `"${text}" cannot be the name of a model: ${NAME_RULE}`);
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

export function envelope(context: Pick<CommandContext, 'options' | 'env'>): Envelope {
  return {
    messageId: textOption(context, 'messageId') ?? randomUUID(),
    by: actor(context),
    reason: textOption(context, 'reason') ?? null,
  };
}

export interface Sent {
  /** The workflow. */
  to: string;
  message: MessageName;
  messageId: string;
  by: string;
  /** Of a verdict: what it was about. */
  challenger?: string;
  evidence?: string;
}

/** Prints what came of a message; a refusal is an error, so that scripts stop on it. */
export function printAnswer({ output }: CommandContext, model: string, sent: Sent, answer: Answer): void {
  if (!answer.accepted) {
    throw new SeawallError(
      'BadInput',
      `${sent.to} refused ${sent.message}: ${answer.text}`,
      `See how it stands: seawall status ${model}`,
    );
  }
  output.print({ model, ...sent, ...answer }, () => `${sent.to}: ${answer.text}`);
}
