/** `seawall stop MODEL`: ends the loop; the model keeps serving, and `start` takes up where it stood. */
import type { CommandHandler } from './command.js';
import { tellLoop } from './control.js';

export const stop: CommandHandler = (context) =>
  tellLoop(context, 'stop', { cancelRuns: context.options['cancelRuns'] === true });
