/** docker-compose.yml, Dockerfile and .dockerignore, read as plainly as the tests need it; no Docker engine takes part. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { packageRoot } from '../../src/workers/package-root.js';

export interface ComposeService {
  image?: string;
  build?: { context: string };
  command?: string[];
  entrypoint?: string[];
  environment?: Record<string, string>;
  profiles?: string[];
  ports?: string[];
  volumes?: string[];
  tmpfs?: string[];
  depends_on?: Record<string, { condition: string }>;
  healthcheck?: { test: string[] };
  stop_grace_period?: string;
  init?: boolean;
  read_only?: boolean;
  restart?: string;
}
export interface Compose {
  services: Record<string, ComposeService>;
  volumes: Record<string, unknown>;
}

/** What a person must set; everything else has a default. */
export const SECRETS = {
  SEAWALL_POSTGRES_PASSWORD: 'test-postgres-password',
  SEAWALL_S3_ACCESS_KEY_ID: 'test-access-key',
  SEAWALL_S3_SECRET_ACCESS_KEY: 'test-secret-key',
};

export const textOf = (path: string): string => readFileSync(join(packageRoot, path), 'utf8');

/** The Compose file with its variables filled in. That this agrees with Compose's own loader is a test of its own. */
export function readCompose(variables: Record<string, string> = SECRETS): Compose {
  const fill = (text: string): string =>
    text
      .replace(/\$\{(\w+)(?::?([-?])([^}]*))?\}/g, (_all, name: string, kind: string | undefined, rest: string) => {
        const value = variables[name];
        if (value) return value;
        if (kind === '-') return rest;
        throw new Error(`required variable ${name} is missing`);
      })
      .replaceAll('$$', '$');
  return visit(parse(textOf('docker-compose.yml'), { merge: true }) as unknown, fill) as Compose;
}

function visit(node: unknown, fill: (text: string) => string): unknown {
  if (typeof node === 'string') return fill(node);
  if (Array.isArray(node)) return node.map((entry) => visit(entry, fill));
  if (node === null || typeof node !== 'object') return node;
  return Object.fromEntries(Object.entries(node).map(([key, value]) => [key, visit(value, fill)]));
}

/** The services that run our image. */
export function ownServices({ services }: Compose): [name: string, service: ComposeService][] {
  return Object.entries(services).filter(([, { build }]) => build !== undefined);
}

export interface Instruction {
  name: string;
  text: string;
}
export interface Stage {
  name: string;
  instructions: Instruction[];
}

/** The stages of the Dockerfile, continuation lines joined and comments left out. */
export function readDockerfile(): Stage[] {
  const lines = textOf('Dockerfile')
    .split('\n')
    .filter((line) => !/^\s*(#|$)/.test(line))
    .join('\n')
    .replace(/\\\n\s*/g, '')
    .split('\n');
  const stages: Stage[] = [];
  for (const line of lines) {
    const [, name = '', text = ''] = /^(\w+)\s+(.*)$/.exec(line) ?? [];
    if (name === 'FROM') stages.push({ name: / AS (\w+)$/.exec(text)?.[1] ?? '', instructions: [] });
    else stages.at(-1)?.instructions.push({ name, text });
  }
  return stages;
}

export interface Copy {
  /** The stage that it copies from; undefined for the clone. */
  from?: string;
  sources: string[];
  target: string;
}

/** COPY instructions of a stage, build arguments filled in with their defaults. */
export function copiesOf({ instructions }: Stage): Copy[] {
  const defaults = new Map(instructions.flatMap(({ name, text }) => (name === 'ARG' ? [pair(text)] : [])));
  return instructions
    .filter(({ name }) => name === 'COPY')
    .map(({ text }) => {
      const words = text.replace(/\$\{(\w+)\}/g, (_all, name: string) => defaults.get(name) ?? '').split(/\s+/);
      const from = words.find((word) => word.startsWith('--from='))?.slice('--from='.length);
      const paths = words.filter((word) => !word.startsWith('--'));
      return { ...(from ? { from } : {}), sources: paths.slice(0, -1), target: paths.at(-1) ?? '' };
    });
}

/** What the ENV instructions of the last stage set. */
export function imageEnvironment(stages: Stage[]): Record<string, string> {
  const texts = stages.at(-1)?.instructions.filter(({ name }) => name === 'ENV') ?? [];
  return Object.fromEntries(texts.flatMap(({ text }) => text.split(/\s+/).map(pair)));
}

export function lastOf(stages: Stage[], name: string): string {
  return stages.at(-1)?.instructions.findLast((instruction) => instruction.name === name)?.text ?? '';
}

function pair(text: string): [string, string] {
  const at = text.indexOf('=');
  return [text.slice(0, at), text.slice(at + 1)];
}

/** Whether .dockerignore keeps a path out of the build: the last pattern that matches it or a folder above it decides. */
export function isIgnored(path: string): boolean {
  const patterns = textOf('.dockerignore')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'));
  const parts = path.split('/');
  const places = parts.map((_, i) => parts.slice(0, i + 1).join('/'));
  let ignored = false;
  for (const pattern of patterns) {
    const negated = pattern.startsWith('!');
    const glob = new RegExp(`^${globSource(negated ? pattern.slice(1) : pattern)}$`);
    if (places.some((place) => glob.test(place))) ignored = !negated;
  }
  return ignored;
}

function globSource(glob: string): string {
  return glob
    .replace(/[.+^$()|[\]{}\\]/g, '\\$&')
    .replace(/\*\*\/|\*|\?/g, (wildcard) => ({ '**/': '(?:.*/)?', '*': '[^/]*', '?': '[^/]' })[wildcard] ?? wildcard);
}

/** Seconds of a duration as Compose writes it: `75s`, `1m15s`. */
export function seconds(duration: string | undefined): number {
  const [, minutes = '0', rest = '0'] = /^(?:(\d+)m)?(?:(\d+)s)?$/.exec(duration ?? '') ?? [];
  return Number(minutes) * 60 + Number(rest);
}
