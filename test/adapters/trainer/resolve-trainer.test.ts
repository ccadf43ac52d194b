import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect, test } from 'vitest';
import { entryPoint } from '../../../src/adapters/entry-point.js';
import { resolveTrainer } from '../../../src/adapters/trainer/index.js';
import { temporaryFolder } from './harness.js';

const trainersDir = resolve('trainers');
const main = { python: process.execPath, environments: '/nowhere/trainers' };

test('a ready trainer is its script under the given Python', () => {
  const argv = resolveTrainer({ use: 'xgboost' }, { ...main, trainersDir });
  expect(argv).toEqual([process.execPath, join(trainersDir, 'xgboost/train.py')]);
  expect(existsSync(argv[1] as string)).toBe(true);
});

test('lightgbm has an environment of its own, unless somebody names one for all', () => {
  expect(() => resolveTrainer({ use: 'lightgbm' }, { ...main, trainersDir })).toThrow(
    expect.objectContaining({
      message: expect.stringContaining('/nowhere/trainers/lightgbm/bin/python'),
      next: expect.stringContaining('seawall trainer setup lightgbm'),
    }),
  );
  const named = { python: process.execPath, environments: undefined, trainersDir };
  expect(resolveTrainer({ use: 'lightgbm' }, named)[0]).toBe(process.execPath);
  expect(resolveTrainer({ use: 'sklearn' }, { ...main, trainersDir })[0]).toBe(process.execPath);
});

test('a command is taken as it is', () => {
  const argv = resolveTrainer({ command: ['uv', 'run', 'a b.py'] }, { ...main, trainersDir });
  expect(argv).toEqual(['uv', 'run', 'a b.py']);
});

test('an empty command, a missing Python environment and a missing trainer are refused with what to do', () => {
  const places = { ...main, python: '/nowhere/python', trainersDir };
  const missing = { ...main, trainersDir: '/nowhere' };
  expect(() => resolveTrainer({ command: [] }, places)).toThrow(expect.objectContaining({ type: 'BadInput' }));
  expect(() => resolveTrainer({ use: 'xgboost' }, places)).toThrow(
    expect.objectContaining({
      type: 'NotFound',
      message: expect.stringContaining('/nowhere/python'),
      next: expect.stringContaining('seawall trainer setup xgboost'),
    }),
  );
  expect(() => resolveTrainer({ use: 'xgboost' }, missing)).toThrow(expect.objectContaining({ type: 'NotFound' }));
});

test('a script is found beside compiled code, and below dist from sources', () => {
  const root = temporaryFolder();
  for (const folder of ['src/adapters', 'dist/src/adapters']) mkdirSync(join(root, folder), { recursive: true });
  writeFileSync(join(root, 'package.json'), '{}');
  const source = pathToFileURL(join(root, 'src/adapters/caller.ts')).href;
  const compiled = pathToFileURL(join(root, 'dist/src/adapters/caller.js')).href;
  expect(() => entryPoint(source, './child.js')).toThrow('npm run build');
  writeFileSync(join(root, 'dist/src/adapters/child.js'), '');
  expect(entryPoint(source, './child.js')).toBe(join(root, 'dist/src/adapters/child.js'));
  expect(entryPoint(compiled, './child.js')).toBe(join(root, 'dist/src/adapters/child.js'));
});
