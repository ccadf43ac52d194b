import { defineConfig } from 'vitest/config';

/** Long proofs, each by its own `npm run proof:…`; a short version of each is among the tests. */
export default defineConfig({
  test: { include: ['test/proofs/**/*.proof.ts'], pool: 'forks', maxWorkers: 1, disableConsoleIntercept: true },
});
