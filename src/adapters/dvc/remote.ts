/** A DVC remote, read-only: a folder, or a bucket on S3. */
import { randomUUID } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { SeawallError } from '../../contracts/index.js';
import { createS3, type S3 } from '../store/s3.js';
import type { DvcConfig } from './config.js';

export type Environment = Readonly<Record<string, string | undefined>>;
type Settings = Readonly<Record<string, string>>;

/** An object as a local file. */
export interface LocalCopy {
  path: string;
  /** Removes it, if it is only a copy. */
  release(): Promise<void>;
}

export interface DvcRemote {
  /** As `remote "r" (s3://bucket/folder)`. */
  label: string;
  /** undefined: the remote has no such object. Throws a SeawallError that names the remote when it cannot be asked. */
  fetch(key: string): Promise<LocalCopy | undefined>;
  close(): void;
}

export interface RemoteOptions {
  env: Environment;
  /** For downloads. */
  temporaryFolder: string;
}

/**
 * Opens a remote by name, or the default one; undefined: there is none. Makes no request yet. Throws `BadInput` for remotes and
 * settings that are not supported, `AccessDenied` without keys.
 */
export function openRemote(config: DvcConfig, name: string | undefined, options: RemoteOptions): DvcRemote | undefined {
  const wanted = name ?? config.defaultRemote;
  if (wanted === undefined) return undefined;
  const settings = config.remotes.get(wanted);
  if (!settings?.['url'])
    throw new SeawallError(
      'BadInput',
      `.dvc/config has no remote "${wanted}" with a url`,
      'Add it with `dvc remote add`, or name another one with `dvc remote default`.',
    );
  const { url } = settings;
  const label = `remote "${wanted}" (${url})`;
  for (const [setting, refused] of UNSUPPORTED_EVERYWHERE)
    if (refused(settings[setting])) throw unsupported(label, `its setting ${setting} is not supported`);
  const bucket = /^s3:\/\/([^/?#]+)\/*([^?#]*?)\/*$/.exec(url);
  if (bucket) return openBucket(wanted, label, { bucket: bucket[1] ?? '', folder: bucket[2] ?? '' }, settings, options);
  const scheme = /^(\w+):\/\//.exec(url)?.[1];
  if (scheme !== undefined)
    throw unsupported(label, `remotes of the kind "${scheme}" are not supported, only s3 and folders`);
  return {
    label,
    // The file itself: whoever reads it finds that it is missing.
    fetch: async (key) => ({ path: join(url, key), release: async () => undefined }),
    close: () => undefined,
  };
}

const isOn = (value: string | undefined): boolean => /^(true|yes|on|1)$/i.test(value ?? '');
const UNSUPPORTED_EVERYWHERE: readonly [string, (value: string | undefined) => boolean][] = [
  ['version_aware', isOn],
  ['worktree', isOn],
];
const isSet = (value: string | undefined): boolean => value !== undefined && value !== '';
const UNSUPPORTED_ON_S3: typeof UNSUPPORTED_EVERYWHERE = [
  ['profile', isSet],
  ['credentialpath', isSet],
  ['configpath', isSet],
  ['sse_customer_key', isSet],
  ['allow_anonymous_login', isOn],
  ['ssl_verify', (value) => isSet(value) && !isOn(value)],
];

const unsupported = (label: string, problem: string): SeawallError =>
  new SeawallError(
    'BadInput',
    `DVC's ${label}: ${problem}`,
    'Run `dvc fetch` in the repository first: what is in its local cache is imported without asking the remote.',
  );

function openBucket(
  name: string,
  label: string,
  place: { bucket: string; folder: string },
  settings: Settings,
  { env, temporaryFolder }: RemoteOptions,
): DvcRemote {
  for (const [setting, refused] of UNSUPPORTED_ON_S3)
    if (refused(settings[setting])) throw unsupported(label, `its setting ${setting} is not supported`);
  const s3 = explained(name, label, () =>
    createS3({
      ...endpointOf(label, settings, env),
      ...keysOf(name, label, settings, env),
      region: settings['region'] ?? env['AWS_REGION'] ?? env['AWS_DEFAULT_REGION'] ?? 'us-east-1',
      bucket: place.bucket,
      // Not as our own prefix: DVC's may have any characters.
      prefix: '',
    }),
  );
  return {
    label,
    fetch: (key) =>
      download(s3, place.folder === '' ? key : `${place.folder}/${key}`, temporaryFolder).catch((error) => {
        throw explain(name, label, error);
      }),
    close: () => s3.close(),
  };
}

async function download(s3: S3, key: string, folder: string): Promise<LocalCopy | undefined> {
  const path = join(folder, randomUUID());
  if (!(await s3.download(key, path))) return undefined;
  return { path, release: () => rm(path, { force: true }) };
}

/** The configuration's, else the environment's as DVC itself would take it, else Amazon's. */
function endpointOf(
  label: string,
  settings: Settings,
  env: Environment,
): { host: string; port: number; useSSL: boolean } {
  const text =
    settings['endpointurl'] || env['AWS_ENDPOINT_URL_S3'] || env['AWS_ENDPOINT_URL'] || 'https://s3.amazonaws.com';
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (!url || !['http:', 'https:'].includes(url.protocol) || url.pathname !== '/' || url.search !== '')
    throw new SeawallError(
      'BadInput',
      `DVC's ${label}: its endpoint "${text}" is no URL of a server`,
      'Set its endpointurl as http://host:port or https://host (`dvc remote modify`).',
    );
  const useSSL = url.protocol === 'https:';
  return { host: url.hostname, port: url.port === '' ? (useSSL ? 443 : 80) : Number(url.port), useSSL };
}

function keysOf(
  name: string,
  label: string,
  settings: Settings,
  env: Environment,
): { accessKeyId: string; secretAccessKey: string; sessionToken?: string } {
  const own = settings['access_key_id'] !== undefined;
  const accessKeyId = own ? settings['access_key_id'] : env['AWS_ACCESS_KEY_ID'];
  const secretAccessKey = own ? settings['secret_access_key'] : env['AWS_SECRET_ACCESS_KEY'];
  const sessionToken = own ? settings['session_token'] : env['AWS_SESSION_TOKEN'];
  if (!accessKeyId || !secretAccessKey)
    throw new SeawallError('AccessDenied', `DVC's ${label}: there are no keys for it`, nextOnAccess(name));
  return { accessKeyId, secretAccessKey, ...(sessionToken ? { sessionToken } : {}) };
}

function explained<T>(name: string, label: string, make: () => T): T {
  try {
    return make();
  } catch (error) {
    throw explain(name, label, error);
  }
}

/** The store's errors speak of Seawall's own bucket: here it is somebody else's. */
function explain(name: string, label: string, error: unknown): unknown {
  if (!(error instanceof SeawallError) || error.message.startsWith("DVC's ")) return error;
  const next =
    error.type === 'AccessDenied'
      ? nextOnAccess(name)
      : "Check the remote's url, endpointurl and region, this machine's network and its disk, then try again; or run `dvc fetch` first: what is in the local cache is not asked of the remote.";
  return new SeawallError(error.type, `DVC's ${label}: ${error.message}`, next, { cause: error });
}

const nextOnAccess = (name: string): string =>
  `Give the remote its own keys (\`dvc remote modify --local ${name} access_key_id …\`, and secret_access_key), or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.`;
