/** The image's file system without Docker: what the last stage of the Dockerfile copies, in a folder of its own. */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { packageRoot } from '../../src/workers/package-root.js';
import { copiesOf, imageEnvironment, lastOf, readDockerfile, textOf } from './files.js';

export interface Image {
  /** The folder that stands for `/`; outside the clone, so that no package is found there by accident. */
  root: string;
  /** A path in the image as one on this machine. */
  at(path: string): string;
  workdir: string;
  entrypoint: string[];
  environment: Record<string, string>;
  remove(): void;
}

export function assembleImage(): Image {
  const stages = readDockerfile();
  const root = mkdtempSync(join(tmpdir(), 'seawall-image-'));
  const at = (path: string): string => (path.startsWith('/') ? join(root, path) : path);
  const workdir = at(lastOf(stages, 'WORKDIR'));
  mkdirSync(workdir, { recursive: true });
  for (const { from, sources, target } of copiesOf(stages.at(-1) ?? { name: '', instructions: [] })) {
    const to = target.startsWith('/') ? at(target) : join(workdir, target);
    if (from === 'trainer') continue; // the Python environment of set-up stands in for it
    if (from === 'packages') productionPackages(to);
    else for (const source of sources) copy(join(packageRoot, source.replace(/^\/app\//, '')), to);
  }
  const environment = imageEnvironment(stages);
  return {
    root,
    at,
    workdir,
    entrypoint: (JSON.parse(lastOf(stages, 'ENTRYPOINT')) as string[]).map(at),
    environment: { ...environment, SEAWALL_PYTHON: join(packageRoot, '.seawall', 'venv', 'bin', 'python') },
    remove: () => rmSync(root, { recursive: true, force: true }),
  };
}

/** What `npm ci --omit=dev` installs, by the lock file: an import of a development package fails in the image. */
function productionPackages(to: string): void {
  const { packages } = JSON.parse(textOf('package-lock.json')) as {
    packages: Record<string, { dev?: boolean; devOptional?: boolean }>;
  };
  for (const [path, { dev, devOptional }] of Object.entries(packages)) {
    // Nested ones come along with the package that holds them.
    if (!/^node_modules\/(@[^/]+\/)?[^/]+$/.test(path) || dev || devOptional) continue;
    if (existsSync(join(packageRoot, path))) copy(join(packageRoot, path), join(dirname(to), path));
  }
}

/** COPY's rule: a file goes into a folder that ends with a slash, else it becomes the target. Links save time and space. */
function copy(source: string, target: string): void {
  const to = target.endsWith('/') ? join(target, basename(source)) : target;
  mkdirSync(dirname(to), { recursive: true });
  try {
    execFileSync('cp', ['-al', source, to], { stdio: 'ignore' });
  } catch {
    rmSync(to, { recursive: true, force: true });
    execFileSync('cp', ['-a', source, to], { stdio: 'ignore' }); // another file system
  }
}
