/** `seawall worker loop|gpu`: the workers, as processes of their own. */
import { createLogger } from '../workers/logger.js';
import type { CommandHandler } from './command.js';

export const workerLoop: CommandHandler = async (context) => {
  const config = context.config();
  const { run } = await import('../workers/loop.js');
  await run(config, createLogger({ name: 'loop', level: config.logLevel }));
};

export const workerGpu: CommandHandler = async (context) => {
  const config = context.config();
  const { run } = await import('../workers/gpu.js');
  await run(config, createLogger({ name: 'gpu', level: config.logLevel }));
};
