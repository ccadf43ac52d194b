/** `seawall serve`: the inference server, as a process of its own. */
import { createLogger } from '../workers/logger.js';
import type { CommandHandler } from './command.js';

export const serve: CommandHandler = async (context) => {
  const config = context.config();
  const { run } = await import('../serving/main.js');
  await run(config, createLogger({ name: 'serving', level: config.logLevel }));
};
