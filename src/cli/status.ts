/** `seawall status [MODEL]`: reads only; without Temporal it tells what object storage knows. */
import { mapSome } from '../activities/sequences.js';
import type { SeawallClient } from '../client/index.js';
import { SeawallError } from '../contracts/index.js';
import type { CommandContext, CommandHandler } from './command.js';
import { modelArgument, withStore, withTemporal } from './control-context.js';
import { gatherStatus, listModels, type ModelStatus } from './status-gather.js';
import { describeModel, describeModels } from './status-text.js';

/** A status that takes long is no status: a worker that is there answers in milliseconds. */
const PATIENCE = { connectWithinMs: 2500, answerWithinMs: 5000 };

export const status: CommandHandler = async (context) => {
  const { output } = context;
  if (context.args[0] !== undefined) {
    const model = modelArgument(context);
    const [found] = await gather(context, () => Promise.resolve([model]));
    output.print(found, () => (found ? describeModel(found, output.color) : []));
    return;
  }
  const models = await gather(context, (store) => listModels(store));
  output.print({ models }, () => [...commonProblem(models), ...describeModels(models)]);
};

type Store = Parameters<typeof listModels>[0];

async function gather(context: CommandContext, choose: (store: Store) => Promise<string[]>): Promise<ModelStatus[]> {
  return withStore(context, async (store) => {
    const models = await choose(store);
    const read = (client: SeawallClient | SeawallError) =>
      mapSome(models, (model) => gatherStatus(store, client, model), 8);
    let reached = false;
    try {
      return await withTemporal(
        context,
        ({ client }) => {
          reached = true;
          return read(client);
        },
        PATIENCE,
      );
    } catch (error) {
      if (reached || !(error instanceof SeawallError)) throw error;
      return read(error);
    }
  });
}

/** Told once, not per model. */
function commonProblem(models: readonly ModelStatus[]): string[] {
  const unknown = models.find(({ state }) => state === 'unknown')?.problem;
  return unknown ? [`${unknown.message}: this is what object storage knows.`, `  ${unknown.next}`, ''] : [];
}
