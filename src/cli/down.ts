/** `seawall down`: ends what runs in this folder. */
import { describeEvent } from '../stack/events.js';
import { endStacks } from '../stack/leftovers.js';
import type { EndedStack } from '../stack/leftovers.js';
import type { CommandHandler } from './command.js';

export const down: CommandHandler = async ({ localConfig, output }) => {
  const { homeDir } = localConfig();
  const ended = await endStacks(homeDir, (event) => output.progress(describeEvent(event)));
  output.print({ ended }, () => (ended.length === 0 ? `Nothing runs in ${homeDir}.` : ended.map(describe)));
};

function describe({ stateFile, supervisorPid, how }: EndedStack): string {
  const what = stateFile === 'demo.json' ? 'The demo' : 'The stack';
  switch (how) {
    case 'stopped':
      return `${what} (pid ${supervisorPid}) is stopped; its data stay.`;
    case 'killed':
      return `${what} (pid ${supervisorPid}) did not stop when asked and was killed; its data stay.`;
    case 'leftovers':
      return `${what} (pid ${supervisorPid}) had died; what it left running is ended.`;
  }
}
