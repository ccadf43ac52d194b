/** Compose's own loader (Go, compose-spec/compose-go at the version that docker/compose v2.40.3 uses), built once and kept. */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot } from '../../src/workers/package-root.js';

const SOURCE = join(import.meta.dirname, 'compose-loader');
const BUILD_LIMIT_MS = 300_000;
/** No Go, one that is too old, or no network; anything else is a defect of the loader and must not pass for that. */
const CANNOT_BE_HAD =
  /ENOENT|requires go|toolchain|dial tcp|lookup .* on|i\/o timeout|refused|proxyconnect|TLS handshake|40[34] |50\d /;

interface Outcome {
  code: number;
  stdout: string;
  stderr: string;
}

/** The loader's path, or why it cannot be had here (no Go, no network). */
export async function composeLoader(): Promise<{ path: string } | { missing: string }> {
  const hash = createHash('sha256');
  for (const file of readdirSync(SOURCE).sort()) hash.update(file).update(readFileSync(join(SOURCE, file)));
  const folder = join(packageRoot, '.seawall', 'cache', 'compose-loader');
  const path = join(folder, hash.digest('hex').slice(0, 16));
  if (existsSync(path)) return { path };
  mkdirSync(folder, { recursive: true });
  const draft = `${path}.${process.pid}`;
  const env = {
    ...process.env,
    GOPATH: join(folder, 'go'),
    GOCACHE: join(folder, 'gocache'),
    GOFLAGS: '-modcacherw -buildvcs=false',
    CGO_ENABLED: '0',
  };
  const { code, stderr } = await run('go', ['build', '-o', draft, '.'], { cwd: SOURCE, env, timeout: BUILD_LIMIT_MS });
  if (code === 0) renameSync(draft, path);
  for (const cache of [env.GOPATH, env.GOCACHE]) rmSync(cache, { recursive: true, force: true }); // 140 MB
  if (code === 0) return { path };
  if (!CANNOT_BE_HAD.test(stderr)) throw new Error(`the Compose loader does not build:\n${stderr}`);
  return { missing: stderr.trim().split('\n').at(-1) ?? '' };
}

/** The canonical model of Compose files (relative to the clone) under these variables; fails with what the loader says. */
export async function loadCanonical(
  loader: string,
  files: string[],
  variables: Record<string, string>,
  profiles = '*',
): Promise<CanonicalModel> {
  const env = { PATH: process.env['PATH'] ?? '', HOME: '/nonexistent', ...variables };
  const { code, stdout, stderr } = await run(loader, [profiles, ...files], { cwd: packageRoot, env, timeout: 30_000 });
  if (code !== 0) throw new Error(stderr.trim());
  return JSON.parse(stdout) as CanonicalModel;
}

export interface CanonicalModel {
  services: Record<
    string,
    {
      command: string[] | null;
      entrypoint: string[] | null;
      environment?: Record<string, string | null>;
      depends_on?: Record<string, { condition: string }>;
      ports?: { host_ip?: string; target: number; published: string }[];
      stop_grace_period?: string;
      healthcheck?: { test: string[] };
      deploy?: { resources: { reservations: { devices?: object[] } } };
    }
  >;
}

function run(
  file: string,
  args: string[],
  options: { cwd: string; env: NodeJS.ProcessEnv; timeout: number },
): Promise<Outcome> {
  return new Promise((resolve) => {
    execFile(file, args, { ...options, encoding: 'utf8', maxBuffer: 16 << 20 }, (error, stdout, stderr) => {
      const code = error === null ? 0 : typeof error.code === 'number' ? error.code : 1;
      resolve({ code, stdout, stderr: stderr || (error?.message ?? '') });
    });
  });
}
