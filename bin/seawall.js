#!/usr/bin/env node
// The command `seawall`: runs what was compiled to dist/.
import { existsSync } from 'node:fs';

const main = new URL('../dist/src/cli/main.js', import.meta.url);
if (existsSync(main)) {
  const { run } = await import(main.href);
  await run(process.argv);
} else {
  process.stderr.write('seawall: not built yet. Run `npm start` (or `npm ci && npm run build`) in the clone first.\n');
  process.exitCode = 1;
}
