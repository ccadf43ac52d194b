import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const ROOT = resolve(import.meta.dirname, '../..');
const CONFIG = join(ROOT, '.dependency-cruiser.cjs');
const PROGRAM = join(ROOT, 'node_modules/dependency-cruiser/bin/dependency-cruise.mjs');

interface Cruise {
  modules: { source: string }[];
  summary: { violations: { rule: { name: string }; from: string; to: string }[] };
}

/** What `npm run check` runs, with its result as data; `cwd` holds a `src/`. */
async function cruise(cwd: string): Promise<Cruise> {
  const args = [PROGRAM, '--config', CONFIG, '--output-type', 'json', 'src'];
  // The program's exit code is the number of violations: they are in the document as well.
  const { stdout } = await promisify(execFile)(process.execPath, args, { cwd, maxBuffer: 64 * 2 ** 20 }).catch(
    (error: { stdout?: string; message: string }) => {
      if (error.stdout) return { stdout: error.stdout };
      throw new Error(`dependency-cruiser gave no result: ${error.message}`);
    },
  );
  return JSON.parse(stdout) as Cruise;
}

describe('the import law', () => {
  it('holds in src, of which no file is overlooked', async () => {
    const { modules, summary } = await cruise(ROOT);
    expect(summary.violations.map(({ rule, from, to }) => `${rule.name}: ${from} -> ${to}`)).toEqual([]);

    // A compiler that dependency-cruiser cannot use makes it skip TypeScript silently.
    const files = (await readdir(join(ROOT, 'src'), { recursive: true })).filter((file) => file.endsWith('.ts'));
    const seen = new Set(modules.map((module) => module.source));
    expect(files.map((file) => `src/${file}`).filter((file) => !seen.has(file))).toEqual([]);
  });

  it('leaves the environment to src/workers/config.ts', async () => {
    const files = (await readdir(join(ROOT, 'src'), { recursive: true })).filter((file) => file.endsWith('.ts'));
    const readers = [];
    for (const file of files) {
      const code = (await readFile(join(ROOT, 'src', file), 'utf8')).replace(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, '');
      if (/\bprocess\??\.env\b|\benv\b[^;]*from '(node:)?process'/.test(code)) readers.push(file);
    }
    expect(readers).toEqual(['workers/config.ts']);
  });
});

/** One file that breaks one rule (several ways of doing so are several files), or none: `rule: undefined`. */
interface Case {
  rule: string | undefined;
  file: string;
  code: string;
}

const breaks = (rule: string, file: string, code: string): Case => ({ rule, file, code });
const obeys = (file: string, code: string): Case => ({ rule: undefined, file, code });

/** What the cases import; without imports of their own. */
const TARGETS = [
  'src/activities/target.ts',
  'src/adapters/target.ts',
  'src/cli/target.ts',
  'src/client/target.ts',
  'src/contracts/target.ts',
  'src/domain/decisions/target.ts',
  'src/domain/reducers/target.ts',
  'src/serving/target.ts',
  'src/stack/target.ts',
  'src/workers/target.ts',
  'src/workflows/target.ts',
  'examples/target.ts',
  'scripts/target.ts',
  'test/target.ts',
];

const value = (path: string) => `import { target } from '${path}';\nexport const used = target;\n`;
const type = (path: string) => `import type { Target } from '${path}';\nexport type Used = Target;\n`;

const CASES: Case[] = [
  breaks('contracts-stand-alone', 'src/contracts/zod.ts', value('zod')),
  breaks('contracts-stand-alone', 'src/contracts/node.ts', value('node:crypto')),
  breaks('contracts-stand-alone', 'src/contracts/domain.ts', type('../domain/decisions/target.js')),
  breaks('domain-is-pure', 'src/domain/decisions/clock.ts', value('node:timers/promises')),
  breaks('domain-is-pure', 'src/domain/reducers/temporal.ts', type('@temporalio/workflow')),
  breaks('domain-is-pure', 'src/domain/decisions/store.ts', value('../../adapters/target.js')),
  obeys('src/domain/decisions/legal.ts', value('../../contracts/target.js')),

  breaks('workflows-know-no-activity-code', 'src/workflows/zod.ts', value('zod')),
  breaks('workflows-know-no-activity-code', 'src/workflows/node.ts', value('node:fs')),
  breaks('workflows-know-no-activity-code', 'src/workflows/decisions.ts', value('../domain/decisions/target.js')),
  breaks('workflows-know-no-activity-code', 'src/workflows/adapter.ts', value('../adapters/target.js')),
  breaks('workflows-know-no-activity-code', 'src/workflows/client.ts', value('@temporalio/client')),
  breaks('workflows-import-activities-as-types', 'src/workflows/activity.ts', value('../activities/target.js')),
  breaks(
    'workflows-import-activities-as-types',
    'src/workflows/both.ts',
    "import type { Target } from '../activities/target.js';\nimport { target } from '../activities/target.js';\nexport const used: Target = target;\n",
  ),
  breaks(
    'workflows-import-activities-as-types',
    'src/workflows/dynamic.ts',
    "export const later = () => import('../activities/target.js');\n",
  ),
  breaks(
    'workflows-import-activities-as-types',
    'src/workflows/again.ts',
    "export { target } from '../activities/target.js';\n",
  ),
  obeys('src/workflows/types.ts', type('../activities/target.js')),
  obeys('src/workflows/temporal.ts', value('@temporalio/workflow')),
  obeys('src/workflows/reducer.ts', value('../domain/reducers/target.js')),

  breaks('activities-use-ports', 'src/activities/adapter.ts', value('../adapters/target.js')),
  breaks('activities-use-ports', 'src/activities/vendor.ts', value('minio')),
  breaks('activities-use-ports', 'src/activities/worker.ts', value('@temporalio/worker')),
  obeys(
    'src/activities/legal.ts',
    value('@temporalio/activity') + value('node:fs/promises').replaceAll('used', 'also'),
  ),

  breaks('adapters-know-no-orchestration', 'src/adapters/temporal.ts', value('@temporalio/activity')),
  breaks('adapters-know-no-orchestration', 'src/adapters/domain.ts', value('../domain/decisions/target.js')),
  breaks('adapters-know-no-orchestration', 'src/adapters/worker.ts', value('../workers/target.js')),
  breaks('adapters-see-activities-as-types', 'src/adapters/step.ts', value('../activities/target.js')),
  obeys('src/adapters/port.ts', type('../activities/target.js')),
  obeys('src/adapters/vendor.ts', value('minio')),

  breaks('serving-lives-without-temporal', 'src/serving/temporal.ts', value('@temporalio/client')),
  breaks('serving-lives-without-temporal', 'src/serving/loop.ts', value('../workflows/target.js')),
  obeys('src/serving/legal.ts', value('../adapters/target.js')),

  breaks('client-is-light', 'src/client/zod.ts', value('zod')),
  breaks('client-is-light', 'src/client/store.ts', type('../adapters/target.js')),
  obeys('src/client/legal.ts', value('@temporalio/client')),

  breaks('stack-is-handed-its-configuration', 'src/stack/config.ts', value('../workers/target.js')),
  breaks('stack-is-handed-its-configuration', 'src/stack/store.ts', type('../adapters/target.js')),

  breaks('workers-are-roots', 'src/workers/workflows.ts', value('../workflows/target.js')),
  obeys('src/workers/legal.ts', value('../adapters/target.js')),

  breaks('nobody-imports-the-command-line', 'src/tools/command.ts', value('../cli/target.js')),
  breaks('sources-know-no-examples', 'src/tools/example.ts', value('../../examples/target.js')),
  breaks('sources-know-no-examples', 'src/tools/script.ts', value('../../scripts/target.js')),
  breaks('sources-know-no-examples', 'src/tools/test.ts', type('../../test/target.js')),
  obeys('src/cli/legal.ts', value('../../examples/target.js')),

  // Reported once, at the first file of the two.
  breaks('no-cycles', 'src/cli/egg.ts', "import { hen } from './hen.js';\nexport const egg = () => hen;\n"),
  obeys('src/cli/hen.ts', "import { egg } from './egg.js';\nexport const hen = () => egg;\n"),
  obeys('src/cli/left.ts', "import type { Right } from './right.js';\nexport type Left = Right;\n"),
  obeys('src/cli/right.ts', "import { type Left } from './left.js';\nexport type Right = Left | 1;\n"),
  breaks('nothing-unresolved', 'src/cli/unresolved.ts', value('./gone.js')),
  breaks('nothing-unresolved', 'src/cli/uninstalled.ts', value('a-package-that-nobody-installed')),
];

describe('each rule of the import law', () => {
  let folder: string;
  const reported = new Map<string, string[]>();

  const put = async (file: string, code: string) => {
    await mkdir(dirname(join(folder, file)), { recursive: true });
    await writeFile(join(folder, file), code);
  };

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'seawall-import-law-'));
    await cp(join(ROOT, 'tsconfig.json'), join(folder, 'tsconfig.json'));
    await cp(join(ROOT, 'package.json'), join(folder, 'package.json'));
    await symlink(join(ROOT, 'node_modules'), join(folder, 'node_modules'));
    for (const file of TARGETS) await put(file, 'export const target = 1;\nexport type Target = number;\n');
    for (const { file, code } of CASES) await put(file, code);
    const { modules, summary } = await cruise(folder);
    const seen = modules.map((module) => module.source);
    expect(seen).toEqual(expect.arrayContaining(CASES.map((each) => each.file)));
    for (const { rule, from } of summary.violations)
      reported.set(from, [...new Set([...(reported.get(from) ?? []), rule.name])]);
  });

  afterAll(() => rm(folder, { recursive: true, force: true }));

  it.each(CASES)('$file: $rule', ({ rule, file }) => {
    expect(reported.get(file) ?? []).toEqual(rule === undefined ? [] : [rule]);
  });

  it('is broken by one of these cases', () => {
    const { forbidden } = createRequire(import.meta.url)(CONFIG) as { forbidden: { name: string; comment: string }[] };
    const broken = new Set(CASES.map((each) => each.rule));
    expect(forbidden.map((rule) => rule.name).filter((name) => !broken.has(name))).toEqual([]);
    expect(forbidden.filter((rule) => rule.comment.length < 20)).toEqual([]);
  });
});
