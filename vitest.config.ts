import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // Real servers and trainers on a busy machine: a limit is there to end what hangs, not to measure.
    testTimeout: 60_000,
    hookTimeout: 120_000,
    // The native runtimes (Temporal, DuckDB, onnxruntime) want a process of their own; two cores carry two of them.
    pool: 'forks',
    maxWorkers: 2,
  },
});
