/** `seawall start MODEL`: starts the model's loop, or says that it runs. */
import { type ConfigRevision, keys, SeawallError } from '../contracts/index.js';
import type { CommandHandler } from './command.js';
import { modelArgument, withStore, withTemporal } from './control-context.js';

export const start: CommandHandler = async (context) => {
  const model = modelArgument(context);
  const result = await withTemporal(context, ({ client, namespace }) =>
    withStore(context, async (store) => {
      // A loop without a configuration would fail at once; a loop in another prefix's namespace would meet its numbers.
      await store.openWorkspace(namespace);
      const config = await store.records.newest<ConfigRevision>(keys.configRevisions(model));
      if (!config)
        throw new SeawallError(
          'NotFound',
          `model ${model} has no configuration in storage`,
          'Apply one first: seawall model apply FILE',
        );
      return { ...(await client.startLoop(model)), configSeq: config.seq };
    }),
  );
  context.output.print({ model, ...result }, () =>
    result.started
      ? [`${result.workflowId} is started, with configuration ${result.configSeq}.`, `See: seawall status ${model}`]
      : `${result.workflowId} runs already.`,
  );
};
