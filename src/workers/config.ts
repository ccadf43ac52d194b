/**
 * All configuration of a process, from its environment and, where that is silent, from the stack that runs in the current
 * folder. The only reader of `process.env`.
 */
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { hostname } from 'node:os';
import { join, resolve } from 'node:path';
import type { ClientConnectConfig } from '@temporalio/envconfig';
import type { StoreOptions } from '../adapters/store/index.js';
import type { TrainerPythons } from '../adapters/trainer/index.js';
import { isName, NAME_RULE, SeawallError } from '../contracts/index.js';
import { readSecrets } from '../stack/secrets.js';
import { readLiveState, stateFileNames } from '../stack/state.js';
import type { StackState } from '../stack/state.js';
import { packageRoot } from './package-root.js';

export type Environment = Readonly<Record<string, string | undefined>>;
export type LogLevel = 'trace' | 'debug' | 'info' | 'warn' | 'error';
const logLevels: readonly LogLevel[] = ['trace', 'debug', 'info', 'warn', 'error'];

export interface TemporalConfig {
  /** host:port */
  address: string;
  namespace: string;
  /** For `NativeConnection.connect` and `Connection.connect`: address, TLS, API key and metadata as the environment gives them. */
  connectionOptions: ClientConnectConfig['connectionOptions'] & { address: string };
  source: SettingSource;
}

export interface S3Config extends StoreOptions {
  /** The endpoint as a URL; host, port and useSSL are its parts. */
  endpoint: string;
  source: SettingSource;
}

/** Where a setting comes from: the environment, or the stack or demo that runs in this folder. */
export type SettingSource = 'environment' | 'stack' | 'demo';

/** What needs no server: known in every process. */
export interface LocalConfig {
  /** Data, logs and state (`SEAWALL_HOME`, default `.seawall` in the current folder). */
  homeDir: string;
  /** GPU pool whose queue is served (`SEAWALL_POOL`). */
  pool: string;
  /** Stable name of this GPU worker (`SEAWALL_WORKER_ID`). */
  workerId: string;
  /** Interpreters for the ready trainers (`SEAWALL_PYTHON` for all, default the environments that set-up made). */
  pythons: TrainerPythons;
  /** Dataset files that are kept for the next run (`SEAWALL_CACHE_GB`, in 10^9 bytes), beside those in use. */
  cacheBytes: number;
  serving: { host: string; port: number; url: string };
  /** False where the namespace cannot have the search attributes (`SEAWALL_SEARCH_ATTRIBUTES=off`). */
  searchAttributes: boolean;
  logLevel: LogLevel;
  /** Show stack traces to the user (`SEAWALL_DEBUG`). */
  debug: boolean;
  /** The whole environment, for child processes. */
  childEnv: Environment;
}

export interface AppConfig extends LocalConfig {
  temporal: TemporalConfig;
  s3: S3Config;
}

/** The environment of this process. */
export function processEnvironment(): Environment {
  return process.env;
}

/**
 * The complete configuration. Fails with `BadInput` or `NotFound` when something is missing or malformed; the error says which
 * variable to set.
 */
export function loadConfig(env: Environment = processEnvironment(), cwd: string = process.cwd()): AppConfig {
  const local = loadLocalConfig(env, cwd);
  return { ...local, temporal: loadTemporalConfig(env, cwd), s3: loadS3Config(env, cwd) };
}

/** The part of the configuration that names no server: never needs a running stack. */
export function loadLocalConfig(env: Environment = processEnvironment(), cwd: string = process.cwd()): LocalConfig {
  const homeDir = homeFolder(env, cwd);
  const found = findStack(homeDir);
  return {
    homeDir,
    pool: nameSetting(env, 'SEAWALL_POOL', 'default'),
    workerId: nameSetting(env, 'SEAWALL_WORKER_ID', defaultWorkerId()),
    pythons: trainerPythons(given(env, 'SEAWALL_PYTHON')),
    cacheBytes: cacheSetting(env) * 1e9,
    serving: servingSettings(env, found?.state),
    searchAttributes: choice(env, 'SEAWALL_SEARCH_ATTRIBUTES', ['on', 'off'], 'on') === 'on',
    logLevel: choice(env, 'SEAWALL_LOG_LEVEL', logLevels, 'info'),
    debug: given(env, 'SEAWALL_DEBUG') !== undefined,
    childEnv: env,
  };
}

/** Temporal's address, namespace and credentials (`TEMPORAL_*` and Temporal's configuration file, through envconfig). */
export function loadTemporalConfig(env: Environment, cwd: string): TemporalConfig {
  const { namespace, connectionOptions } = readTemporalEnvironment(env);
  const { address } = connectionOptions;
  if (address) {
    return {
      address,
      namespace: namespace ?? 'default',
      connectionOptions: { ...connectionOptions, address },
      source: 'environment',
    };
  }
  const found = findStack(homeFolder(env, cwd));
  if (!found) throw nothingRuns('Temporal', 'TEMPORAL_ADDRESS (host:port)', homeFolder(env, cwd));
  return {
    address: found.state.addresses.temporal,
    namespace: given(env, 'TEMPORAL_NAMESPACE') ?? found.state.namespace,
    connectionOptions: { address: found.state.addresses.temporal },
    source: found.source,
  };
}

/** What envconfig reads, with or without an address. Empty variables count as unset. */
export function readTemporalEnvironment(env: Environment): ClientConnectConfig {
  // Loaded on demand: it would be half of what `seawall --help` takes.
  const { loadClientConnectConfig } = createRequire(import.meta.url)(
    '@temporalio/envconfig',
  ) as typeof import('@temporalio/envconfig');
  const overrideEnvVars = Object.fromEntries(
    Object.entries(env).filter((entry): entry is [string, string] => entry[1] !== undefined && entry[1] !== ''),
  );
  try {
    return loadClientConnectConfig({ overrideEnvVars });
  } catch (error) {
    throw new SeawallError(
      'BadInput',
      `Temporal's settings cannot be read: ${(error as Error).message}`,
      'Check the TEMPORAL_* variables and the Temporal configuration file (TEMPORAL_CONFIG_FILE, TEMPORAL_PROFILE).',
    );
  }
}

/** S3's endpoint, keys, bucket and prefix (`AWS_*`, `SEAWALL_BUCKET`, `SEAWALL_PREFIX`). */
export function loadS3Config(env: Environment, cwd: string): S3Config {
  const homeDir = homeFolder(env, cwd);
  const found = findStack(homeDir);
  const ownEndpoint = given(env, 'AWS_ENDPOINT_URL_S3');
  const stack = ownEndpoint === undefined ? found : undefined;
  const endpoint = ownEndpoint ?? stack?.state.addresses.s3;
  if (endpoint === undefined) throw nothingRuns('S3', 'AWS_ENDPOINT_URL_S3 (a URL)', homeDir);
  const keys = s3Keys(env, endpoint, stack && isEmbeddedHere(homeDir, endpoint) ? homeDir : undefined);
  return {
    ...parseEndpoint(endpoint),
    region: given(env, 'AWS_REGION') ?? stack?.state.region ?? 'us-east-1',
    ...keys,
    bucket: given(env, 'SEAWALL_BUCKET') ?? stack?.state.bucket ?? 'seawall',
    prefix: prefixSetting(env) ?? stack?.state.prefix ?? 'main',
    source: stack?.source ?? 'environment',
  };
}

/** Whether a stack of this folder runs that S3 itself: a demo may use the servers of the stack beside it. */
const isEmbeddedHere = (homeDir: string, endpoint: string): boolean =>
  stateFileNames.some((file) => {
    const state = readLiveState(homeDir, file);
    return state?.embedded.s3 === true && state.addresses.s3 === endpoint;
  });

/** The stack that runs in this folder: a demo is looked at first, because that is what a person started last. */
export function findStack(homeDir: string): { state: StackState; source: 'stack' | 'demo' } | undefined {
  for (const file of stateFileNames) {
    const state = readLiveState(homeDir, file);
    if (state) return { state, source: file === 'demo.json' ? 'demo' : 'stack' };
  }
  return undefined;
}

/** Keys of the folder's own S3 if it is that one; else the environment's. The client would silently go on without keys. */
function s3Keys(
  env: Environment,
  endpoint: string,
  embeddedHome: string | undefined,
): Pick<S3Config, 'accessKeyId' | 'secretAccessKey' | 'sessionToken'> {
  const own = embeddedHome === undefined ? undefined : readSecrets(embeddedHome);
  if (own) return own;
  const accessKeyId = given(env, 'AWS_ACCESS_KEY_ID');
  const secretAccessKey = given(env, 'AWS_SECRET_ACCESS_KEY');
  const sessionToken = given(env, 'AWS_SESSION_TOKEN');
  if (accessKeyId === undefined || secretAccessKey === undefined) {
    const missing = [accessKeyId ?? 'AWS_ACCESS_KEY_ID', secretAccessKey ?? 'AWS_SECRET_ACCESS_KEY'].filter((name) =>
      name.startsWith('AWS_'),
    );
    throw new SeawallError('AccessDenied', `no keys for S3 at ${endpoint}`, `Set ${missing.join(' and ')}.`);
  }
  return { accessKeyId, secretAccessKey, ...(sessionToken ? { sessionToken } : {}) };
}

function parseEndpoint(endpoint: string): Pick<S3Config, 'endpoint' | 'host' | 'port' | 'useSSL'> {
  const url = URL.canParse(endpoint) ? new URL(endpoint) : undefined;
  if (!url || !['http:', 'https:'].includes(url.protocol) || !['', '/'].includes(url.pathname) || url.search !== '') {
    throw badSetting('AWS_ENDPOINT_URL_S3', endpoint, 'a URL like http://127.0.0.1:7070, without a path');
  }
  const useSSL = url.protocol === 'https:';
  const port = url.port === '' ? (useSSL ? 443 : 80) : Number(url.port);
  return { endpoint: url.origin, host: url.hostname, port, useSSL };
}

function servingSettings(env: Environment, stack: StackState | undefined): LocalConfig['serving'] {
  const ofStack = stack?.addresses.serving === undefined ? undefined : new URL(stack.addresses.serving);
  const host = given(env, 'SEAWALL_SERVING_HOST') ?? ofStack?.hostname ?? '127.0.0.1';
  const text = given(env, 'SEAWALL_SERVING_PORT') ?? ofStack?.port ?? '8080';
  const port = Number(text);
  if (!Number.isInteger(port) || port < 0 || port > 65_535) {
    throw badSetting('SEAWALL_SERVING_PORT', text, 'a port number');
  }
  return { host, port, url: `http://${host.includes(':') ? `[${host}]` : host}:${port}` };
}

function cacheSetting(env: Environment): number {
  const text = given(env, 'SEAWALL_CACHE_GB') ?? '20';
  if (!/^\d{1,7}(\.\d+)?$/.test(text))
    throw badSetting('SEAWALL_CACHE_GB', text, 'a number of gigabytes, as 20 or 0.5');
  return Number(text);
}

function prefixSetting(env: Environment): string | undefined {
  const prefix = given(env, 'SEAWALL_PREFIX');
  if (prefix !== undefined && !/^[A-Za-z0-9._-]+(\/[A-Za-z0-9._-]+)*$/.test(prefix)) {
    throw badSetting('SEAWALL_PREFIX', prefix, 'letters, digits, dots, dashes and inner slashes');
  }
  return prefix;
}

function nameSetting(env: Environment, variable: string, otherwise: string): string {
  const value = given(env, variable) ?? otherwise;
  if (!isName(value)) throw badSetting(variable, value, NAME_RULE);
  return value;
}

function choice<T extends string>(env: Environment, variable: string, allowed: readonly T[], otherwise: T): T {
  const value = given(env, variable) ?? otherwise;
  if (!allowed.includes(value as T)) throw badSetting(variable, value, `one of ${allowed.join(', ')}`);
  return value as T;
}

/** A variable's value; empty counts as unset, as in AWS's and Temporal's own tools. */
function given(env: Environment, variable: string): string | undefined {
  return env[variable] === '' ? undefined : env[variable];
}

function homeFolder(env: Environment, cwd: string): string {
  return resolve(cwd, given(env, 'SEAWALL_HOME') ?? '.seawall');
}

function defaultWorkerId(): string {
  const host = hostname()
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-+|-+$/g, '')
    .slice(0, 50);
  return `${host || 'host'}-gpu-0`;
}

function trainerPythons(named: string | undefined): TrainerPythons {
  if (named !== undefined) return { python: named, environments: undefined };
  const own = join(packageRoot, '.seawall', 'venv', 'bin', 'python');
  return { python: existsSync(own) ? own : 'python3', environments: join(packageRoot, '.seawall', 'trainers') };
}

function badSetting(variable: string, value: string, wanted: string): SeawallError {
  return new SeawallError('BadInput', `${variable} is "${value}"`, `Set it to ${wanted}.`);
}

function nothingRuns(server: string, variable: string, homeDir: string): SeawallError {
  return new SeawallError(
    'NotFound',
    `no ${server} to talk to: the environment names none, and no stack runs in this folder (${homeDir})`,
    `Start one with \`seawall up\`, or set ${variable}.`,
  );
}
