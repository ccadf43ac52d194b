/** `seawall pause|resume|pin|unpin|rollback|hold|cancel`: what a person tells a loop or a run. */
import type { SeawallClient } from '../client/index.js';
import {
  DURATION_RULE,
  type LoopMessageName,
  modelLoopId,
  parseDurationMs,
  trainingRunId,
} from '../contracts/index.js';
import type { MessageFields } from '../client/index.js';
import type { CommandContext, CommandHandler } from './command.js';
import {
  countOption,
  envelope,
  modelArgument,
  printAnswer,
  runArgument,
  textOption,
  usageError,
  withTemporal,
} from './control-context.js';
import { findRun } from './control-runs.js';

export const pause: CommandHandler = (context) => tellLoop(context, 'pause', {});
export const resume: CommandHandler = (context) => tellLoop(context, 'resume', {});
export const pin: CommandHandler = (context) => tellLoop(context, 'pin', {});
export const unpin: CommandHandler = (context) => tellLoop(context, 'unpin', {});
export const rollback: CommandHandler = (context) =>
  tellLoop(context, 'rollback', { toRelease: countOption(context, 'to', '--to') ?? null });

/** Sends one message to the loop of the model that the first argument names, and prints the answer. */
export async function tellLoop<N extends LoopMessageName>(
  context: CommandContext,
  name: N,
  fields: MessageFields[N],
): Promise<void> {
  const model = modelArgument(context);
  const payload = { ...envelope(context), ...fields };
  const { messageId, by } = payload;
  // TypeScript cannot see that the target of every loop message is a model.
  const send = (client: SeawallClient) => client.send({ model } as never, name, payload as never);
  const answer = await withTemporal(context, ({ client }) => send(client));
  printAnswer(context, model, { to: modelLoopId(model), message: name, messageId, by }, answer);
}

/** Gives a person more time: `--for` is added to the deadline. */
export const hold: CommandHandler = async (context) => {
  const duration = textOption(context, 'for');
  if (duration === undefined || parseDurationMs(duration) === undefined)
    throw usageError(context, `--for is ${duration === undefined ? 'missing' : `"${duration}"`}: ${DURATION_RULE}`);
  const payload = { ...envelope(context), for: duration };
  const { model, run } = runArgument(context);
  await withTemporal(context, async ({ client }) => {
    const n = run ?? (await findRun(client, model, 'waiting')).n;
    const answer = await client.send({ model, run: n }, 'hold', payload);
    const { messageId, by } = payload;
    printAnswer(context, model, { to: trainingRunId(model, n), message: 'hold', messageId, by }, answer);
  });
};

/** Cancels a training run; its trainer is ended first. */
export const cancel: CommandHandler = async (context) => {
  const payload = envelope(context);
  const { model, run } = runArgument(context);
  await withTemporal(context, async ({ client }) => {
    const n = run ?? (await findRun(client, model, 'open')).n;
    const answer = await client.send({ model, run: n }, 'cancel', payload);
    const { messageId, by } = payload;
    printAnswer(context, model, { to: trainingRunId(model, n), message: 'cancel', messageId, by }, answer);
  });
};
