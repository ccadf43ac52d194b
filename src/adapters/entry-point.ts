import { existsSync } from 'node:fs';
import { dirname, join, relative, resolve, sep } from 'node:path';
import { fileURLToPath } from 'node:url';

/**
 * Absolute path of the *compiled* script that stands beside a module, for starting it as a process of its own.
 *
 * Node cannot run TypeScript sources, but tests import them directly: there `import.meta.url` ends in `.ts`, and the
 * sibling's compiled form lies in `<root>/dist/src/…`. In compiled code the sibling is simply next to the caller.
 *
 * @param importMetaUrl the caller's `import.meta.url`
 * @param sibling the script relative to the caller, named as in an import: `./guard.js`
 * @throws Error when the compiled script does not exist (the sources were never built)
 */
export function entryPoint(importMetaUrl: string, sibling: string): string {
  const caller = fileURLToPath(importMetaUrl);
  const beside = resolve(dirname(caller), sibling);
  const script = caller.endsWith('.ts') ? compiledPath(beside) : beside;
  if (!existsSync(script)) {
    throw new Error(`The compiled script ${script} does not exist. Build the project first: npm run build`);
  }
  return script;
}

/** `<root>/src/a/b.js` → `<root>/dist/src/a/b.js`, where root is the nearest folder above with a package.json. */
function compiledPath(source: string): string {
  const root = packageRoot(dirname(source));
  return join(root, 'dist', relative(root, source));
}

function packageRoot(start: string): string {
  let folder = start;
  while (!existsSync(join(folder, 'package.json'))) {
    const parent = dirname(folder);
    if (parent === folder) {
      throw new Error(`No package.json was found above ${start}${sep}: the compiled scripts cannot be located.`);
    }
    folder = parent;
  }
  return folder;
}
