/** What the installed packages and the lock file must be like; each of these has once broken a Temporal project silently. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';

const ROOT = resolve(import.meta.dirname, '../..');
const require = createRequire(import.meta.url);

interface Manifest {
  version: string;
  dependencies?: Record<string, string>;
  devDependencies?: Record<string, string>;
  optionalDependencies?: Record<string, string>;
}
interface Locked extends Manifest {
  resolved?: string;
  integrity?: string;
  optional?: boolean;
  cpu?: string[];
}

const read = <T>(path: string): T => JSON.parse(readFileSync(join(ROOT, path), 'utf8')) as T;
const manifest = read<Manifest>('package.json');
const lock = read<{ packages: Record<string, Locked> }>('package-lock.json').packages;
const wanted = { ...manifest.dependencies, ...manifest.devDependencies };
const distinct = (values: Iterable<string>) => [...new Set(values)];

/** Folders of all installed copies of a package, nested ones included. */
function copies(name: string, under = join(ROOT, 'node_modules')): string[] {
  if (!existsSync(under)) return [];
  const own = existsSync(join(under, name, 'package.json')) ? [join(under, name)] : [];
  const folders = readdirSync(under, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  const packages = folders.flatMap(({ name: folder }) =>
    folder.startsWith('@') ? readdirSync(join(under, folder)).map((sub) => join(folder, sub)) : [folder],
  );
  return [...own, ...packages.flatMap((folder) => copies(name, join(under, folder, 'node_modules')))];
}

/** The copy of `name` that code in the folder of the package `from` gets. */
const seenFrom = (from: string, name: string) =>
  dirname(createRequire(join(ROOT, 'node_modules', from, 'package.json')).resolve(`${name}/package.json`));

describe('Temporal packages', () => {
  const inLock = Object.keys(lock).filter((path) => /node_modules\/@temporalio\/[^/]+$/.test(path));

  it('are wanted, locked and installed at exactly one version', () => {
    const asked = Object.entries(wanted).filter(([name]) => name.startsWith('@temporalio/'));
    const [version = '', ...others] = distinct(asked.map(([, each]) => each));
    expect(others).toEqual([]);
    expect(version).toMatch(/^\d+\.\d+\.\d+$/);

    expect(inLock.length).toBeGreaterThanOrEqual(asked.length);
    expect(distinct(inLock.map((path) => lock[path]?.version ?? path))).toEqual([version]);

    const names = distinct(inLock.map((path) => path.slice(path.lastIndexOf('@temporalio/'))));
    const installed = names.flatMap((name) => copies(name)).map((path) => join(path, 'package.json'));
    expect(installed.length).toBe(names.length);
    expect(distinct(installed.map((path) => (require(path) as Manifest).version))).toEqual([version]);
  });

  it('share one copy of protobufjs: messages of another copy fail instanceof', () => {
    const users = ['common', 'proto', 'client', 'worker'].map((name) => seenFrom(`@temporalio/${name}`, 'protobufjs'));
    expect(distinct(users)).toEqual([seenFrom('@temporalio/common', 'protobufjs')]);
    expect(distinct(users)).toEqual([seenFrom('.', 'protobufjs')]);
  });
});

describe('the workflow bundle', () => {
  /** Of code, without the source map; the next package that slips in is larger than the room left. */
  const LIMIT_BYTES = 800_000;
  const code = readFileSync(join(ROOT, 'dist/workflow-bundle.js'), 'utf8').replace(/^\/\/# sourceMappingURL=.*$/m, '');
  const modules = [...code.matchAll(/^\/\*\*\*\/ "([^"]+)"$/gm)].map((match) => match[1] ?? '');

  it('holds nothing but contracts, reducers, workflows and Temporal', () => {
    expect(modules).toContain('./dist/src/workflows/model-loop.js');
    const own = modules.filter((path) => path.startsWith('./dist/'));
    expect(own.filter((path) => !/^\.\/dist\/src\/(contracts|domain\/reducers|workflows)\//.test(path))).toEqual([]);

    const packages = modules.map((path) => /^(?:.*\/)?node_modules\/(@[^/]+\/[^/]+|[^/]+)/.exec(path)?.[1]);
    const allowed = ['@temporalio/common', '@temporalio/workflow', 'long', 'ms', 'nexus-rpc', undefined];
    expect(distinct(packages.filter((name) => !allowed.includes(name)).map(String))).toEqual([]);
  });

  it('reaches for no module of Node', () => {
    // What is no file is a module that the bundler leaves out or outside; Temporal's own hook is the only one.
    const absent = [...code.matchAll(/^ {2}!\*\*\* (\S+) \(ignored\) \*\*\*!$/gm)].map((match) => match[1]);
    expect(absent).toEqual(['__temporal_custom_failure_converter']);
    expect(modules.filter((path) => !path.startsWith('./') && !path.startsWith('?'))).toEqual([]);
    expect([...code.matchAll(/^module\.exports = require\(.*$/gm)].map((match) => match[0])).toEqual([]);
  });

  it('stays small: every worker loads it, every workflow runs in it', () => {
    expect(Buffer.byteLength(code)).toBeGreaterThan(100_000);
    expect(Buffer.byteLength(code)).toBeLessThan(LIMIT_BYTES);
  });
});

describe('tools', () => {
  it('include a TypeScript that dependency-cruiser can use: 7 has no API, and then it sees no file', () => {
    const { version } = require('typescript/package.json') as Manifest;
    expect(Number(version.split('.')[0])).toBeLessThan(7);
    expect(seenFrom('dependency-cruiser', 'typescript')).toBe(seenFrom('.', 'typescript'));
  });

  it('are wanted at exact versions, and installed so', () => {
    for (const [name, version] of Object.entries(wanted)) {
      expect(version, name).toMatch(/^\d+\.\d+\.\d+(-[\w.]+)?$/);
      expect(lock[`node_modules/${name}`]?.version, name).toBe(version);
      expect(read<Manifest>(`node_modules/${name}/package.json`).version, name).toBe(version);
    }
  });
});

describe('the lock file', () => {
  it('names no registry, and a digest for every package that is installed from it', () => {
    const packages = Object.entries(lock).filter(([path]) => path !== '');
    expect(packages.length).toBeGreaterThan(100);
    expect(packages.filter(([, entry]) => entry.resolved !== undefined).map(([path]) => path)).toEqual([]);
    // Where a registry does not carry another platform's package, its digest is not known: never so for one that is in use.
    const unknown = packages.filter(([, entry]) => !entry.integrity?.startsWith('sha512-'));
    expect(
      unknown.filter(([path, entry]) => !entry.optional || existsSync(join(ROOT, path))).map(([path]) => path),
    ).toEqual([]);
    expect(unknown.filter(([, entry]) => !entry.cpu).map(([path]) => path)).toEqual([]);
    expect(readFileSync(join(ROOT, 'package-lock.json'), 'utf8')).not.toMatch(/"resolved"|\.tgz"/);
  });

  it('covers the other platforms of what is native', () => {
    // npm, given a node_modules from one platform, can write a lock file of that platform alone: others then install half.
    for (const [path, entry] of Object.entries(lock)) {
      for (const [name, version] of Object.entries(entry.optionalDependencies ?? {})) {
        const found = [`${path}/node_modules/${name}`, `node_modules/${name}`].map((place) => lock[place]?.version);
        expect(found.filter(Boolean), `${name} ${version}, optional in ${path}`).not.toEqual([]);
      }
    }
    const native = ['@duckdb/node-bindings', '@swc/core', '@oxlint-tsgolint/', '@oxlint/binding', '@rolldown/binding'];
    for (const name of native)
      for (const platform of ['linux-x64', 'linux-arm64', 'darwin-x64', 'darwin-arm64']) {
        const prefix = `node_modules/${name.endsWith('/') ? name : `${name}-`}${platform}`;
        expect(
          Object.keys(lock).filter((path) => path.startsWith(prefix)),
          prefix,
        ).not.toEqual([]);
      }
  });

  it('needs no other package for those that bring all platforms with them', () => {
    const releases = readdirSync(join(ROOT, 'node_modules/@temporalio/core-bridge/releases'));
    expect(releases).toEqual(
      expect.arrayContaining(['x86_64-unknown-linux-gnu', 'aarch64-unknown-linux-gnu', 'aarch64-apple-darwin']),
    );
    for (const place of ['linux/x64', 'linux/arm64', 'darwin/arm64'])
      expect(readdirSync(join(ROOT, 'node_modules/onnxruntime-node/bin/napi-v6', place))).toContain(
        'onnxruntime_binding.node',
      );
  });
});
