/** What the commands about models share: storage, Temporal, who speaks, and to which run. */
import { randomUUID } from 'node:crypto';
import {
  connectTemporal,
  createSeawallClient,
  type Envelope,
  lookCommand,
  type SeawallClient,
} from '../client/index.js';
import { type Answer, isName, type MessageName, NAME_RULE, SeawallError } from '../contracts/index.js';
import { loadTemporalConfig } from '../workers/config.js';
import type { CommandContext } from './command.js';
import { actor, countOption, textOption, usageError, type Place } from './store-context.js';

export { actor, countOption, textOption, usageError, withStore } from './store-context.js';

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
export function printAnswer(
  { output }: CommandContext,
  target: string | { pool: string },
  sent: Sent,
  answer: Answer,
): void {
  const about = typeof target === 'string' ? { model: target } : target;
  if (!answer.accepted) {
    throw new SeawallError(
      'BadInput',
      `${sent.to} refused ${sent.message}: ${answer.text}`,
      `See how it stands: ${lookCommand(about)}`,
    );
  }
  output.print({ ...about, ...sent, ...answer }, () => `${sent.to}: ${answer.text}`);
}
