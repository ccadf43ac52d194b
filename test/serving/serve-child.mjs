// A serving process of its own, for tests that kill it: node serve-child.mjs <compiled main.js> <config as JSON>.
const { run } = await import(process.argv[2]);
const print = (level) => (fields, message) =>
  process.stdout.write(`${JSON.stringify({ level, ...fields, msg: message })}\n`);
await run(JSON.parse(process.argv[3]), { info: print('info'), warn: print('warn'), error: print('error') });
