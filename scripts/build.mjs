// Compiles to dist/ and packs the workflows into one bundle; both only when their sources changed.
import { existsSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { exec } from './lib/exec.mjs';
import { root } from './lib/paths.mjs';
import { SetupError, step } from './lib/progress.mjs';
import { hashOf, isCurrent, stamp, unstamp } from './lib/stamps.mjs';
import { fail } from './setup.mjs';

const SOURCES = ['src', 'examples', 'tsconfig.json', 'package-lock.json', 'scripts/build.mjs'];
const isSource = (name) => /\.(ts|json|mjs)$/.test(name);
const WORKFLOWS = join(root, 'dist', 'src', 'workflows');
const BUNDLE = join(root, 'dist', 'workflow-bundle.js');

/** Builds what is out of date. */
export async function build() {
  await compile();
  await bundleWorkflows();
}

async function compile() {
  const hash = hashOf(SOURCES, isSource);
  if (isCurrent('compile', hash) && existsSync(join(root, 'dist', 'src'))) return;
  await step('Compiling', async () => {
    unstamp('compile');
    // The compiler's incremental state does not notice outputs that someone deleted.
    if (!existsSync(join(root, 'dist', 'src'))) rmSync(join(root, 'dist'), { recursive: true, force: true });
    const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc');
    const { code, output } = await exec(process.execPath, [tsc, '-p', 'tsconfig.json'], { cwd: root });
    if (code !== 0) throw new SetupError(`the sources do not compile:\n${output.trimEnd()}`);
    for (const folder of ['src', 'examples']) removeStale(folder);
    stamp('compile', hash);
  });
}

/** Outputs whose source is gone would go on working, and hide a broken import. */
function removeStale(folder) {
  const out = join(root, 'dist', folder);
  if (!existsSync(out)) return;
  for (const entry of readdirSync(out, { recursive: true })) {
    const source = entry.match(/^(.*)\.js(\.map)?$/)?.[1];
    if (source && !existsSync(join(root, folder, `${source}.ts`))) rmSync(join(out, entry));
  }
}

async function bundleWorkflows() {
  const workflowsPath = join(WORKFLOWS, 'index.js');
  if (!existsSync(workflowsPath)) return;
  const inputs = ['contracts', 'domain', 'workflows'].map((name) => `dist/src/${name}`);
  const hash = hashOf([...inputs, 'package-lock.json', 'scripts/build.mjs'], (name) => !name.endsWith('.map'));
  if (isCurrent('workflow-bundle', hash) && existsSync(BUNDLE)) return;
  await step('Bundling the workflows', async () => {
    unstamp('workflow-bundle');
    const { bundleWorkflowCode } = await import('@temporalio/worker');
    const converter = join(WORKFLOWS, 'payload-converter.js');
    const problems = [];
    const note = (level) => (message) => level === 'error' && problems.push(message);
    const logger = Object.fromEntries(['trace', 'debug', 'info', 'warn', 'error'].map((level) => [level, note(level)]));
    logger.log = (level, message) => note(level.toLowerCase())(message);
    const bundle = await bundleWorkflowCode({
      workflowsPath,
      ...(existsSync(converter) ? { payloadConverterPath: converter } : {}),
      logger,
    }).catch((error) => {
      throw new SetupError(`the workflows cannot be bundled: ${error.message}\n${problems.join('\n')}`);
    });
    writeFileSync(`${BUNDLE}.new`, bundle.code);
    renameSync(`${BUNDLE}.new`, BUNDLE);
    stamp('workflow-bundle', hash);
  });
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) await build().catch(fail);
