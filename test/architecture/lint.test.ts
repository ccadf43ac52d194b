/** The rules that this project leans on fire with its own configuration: a renamed or unloaded rule would be silent. */
import { spawnSync } from 'node:child_process';
import { cp, mkdtemp, mkdir, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const ROOT = resolve(import.meta.dirname, '../..');
const PROGRAM = join(ROOT, 'node_modules/oxlint/bin/oxlint');

const CASES = [
  {
    rule: 'typescript(no-floating-promises)',
    file: 'src/floating.ts',
    code: "import { rm } from 'node:fs/promises';\nexport function clean(path: string): void {\n  rm(path);\n}\n",
  },
  {
    rule: 'typescript(no-misused-promises)',
    file: 'src/misused.ts',
    code: 'export const pick = async (): Promise<boolean> => true;\nexport const used = pick() ? 1 : 2;\n',
  },
  {
    rule: 'typescript(switch-exhaustiveness-check)',
    file: 'src/exhaustive.ts',
    code: "export function of(kind: 'a' | 'b'): number {\n  switch (kind) {\n    case 'a':\n      return 1;\n  }\n  return 0;\n}\n",
  },
  {
    rule: 'typescript(no-explicit-any)',
    file: 'src/any.ts',
    code: 'export const same = (value: any): unknown => value;\n',
  },
  {
    // With verbatimModuleSyntax such an import stays and runs the module: an activity's, inside the workflow bundle. The import
    // law takes it for an import of types, so this rule has to stop it.
    rule: 'typescript(no-import-type-side-effects)',
    file: 'src/inline-type.ts',
    code: "import { type Stats } from 'node:fs';\nexport type Seen = Stats;\n",
  },
];

describe('the lint rules', () => {
  let folder: string;
  let diagnostics: { code: string; filename: string }[];

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'seawall-lint-'));
    await mkdir(join(folder, 'src'));
    for (const file of ['.oxlintrc.json', 'tsconfig.json', 'package.json'])
      await cp(join(ROOT, file), join(folder, file));
    await symlink(join(ROOT, 'node_modules'), join(folder, 'node_modules'));
    await writeFile(join(folder, 'src/fine.ts'), 'export const fine = 1;\n');
    for (const { file, code } of CASES) await writeFile(join(folder, file), code);
    const args = [PROGRAM, '--type-aware', '--deny-warnings', '--format', 'json', '.'];
    const { stdout, status } = spawnSync(process.execPath, args, { cwd: folder, encoding: 'utf8' });
    expect(status).not.toBe(0);
    ({ diagnostics } = JSON.parse(stdout) as { diagnostics: typeof diagnostics });
  });

  afterAll(() => rm(folder, { recursive: true, force: true }));

  it.each(CASES)('$rule', ({ rule, file }) => {
    expect(diagnostics.filter((each) => each.filename === file).map((each) => each.code)).toContain(rule);
  });

  it('say nothing about a file that is fine', () => {
    expect(diagnostics.filter((each) => each.filename === 'src/fine.ts')).toEqual([]);
  });
});
