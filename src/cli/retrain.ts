/** `seawall retrain MODEL`: asks the gate for a training run; the answer is its decision. */
import type { CommandHandler } from './command.js';
import { tellLoop } from './control.js';

export const retrain: CommandHandler = (context) =>
  tellLoop(context, 'retrain', { force: context.options['force'] === true });
