/** Everything that a stack is told: it reads no environment and looks for nothing by itself. */
import type { StackEvent } from './events.js';
import type { S3Keys } from './secrets.js';
import type { StateFileName } from './state.js';

export interface S3Access extends S3Keys {
  /** URL of the endpoint. */
  endpoint: string;
  region: string;
  sessionToken?: string;
}

/** The store as Seawall's processes are told of it: their environment. */
export const s3Environment = (access: S3Access, bucket: string, prefix: string): Record<string, string> => ({
  AWS_ENDPOINT_URL_S3: access.endpoint,
  AWS_REGION: access.region,
  AWS_ACCESS_KEY_ID: access.accessKeyId,
  AWS_SECRET_ACCESS_KEY: access.secretAccessKey,
  AWS_SESSION_TOKEN: access.sessionToken ?? '',
  SEAWALL_BUCKET: bucket,
  SEAWALL_PREFIX: prefix,
});

/** A Seawall process of the stack: prints a JSON line with `"ready": true` when it works. */
export interface AppSpec {
  name: string;
  command: string;
  args: string[];
  /** Variables on top of the stack's own. */
  env?: Record<string, string>;
  readyWithinMs?: number;
  stopGraceMs?: number;
}

export interface StackOptions {
  /** The folder for data, logs and state (`.seawall`). */
  homeDir: string;
  stateFile: StateFileName;
  /** Temporal: an own dev server from this binary, or somebody's at this address. */
  temporal: { kind: 'embedded'; binary: string } | { kind: 'external'; address: string };
  /** S3: an own versitygw from this binary, or somebody's. */
  s3: { kind: 'embedded'; binary: string } | { kind: 'external'; access: S3Access };
  namespace: string;
  prefix: string;
  bucket: string;
  /** Empty: servers only. */
  apps: AppSpec[];
  /** The environment that children inherit (PATH and the like). */
  env: NodeJS.ProcessEnv;
  /** Preferred ports; the next free one is taken when one is in use. */
  ports?: Partial<StackPorts>;
  /** Makes the namespace and its search attributes; called once Temporal accepts connections. */
  prepareTemporal: (address: string, namespace: string) => Promise<void>;
  /** Makes the bucket; called once S3 answers. */
  prepareS3: (access: S3Access, bucket: string) => Promise<void>;
  onEvent: (event: StackEvent) => void;
  /** Aborting it while the stack starts ends what was started. */
  signal?: AbortSignal;
}

export interface StackPorts {
  temporal: number;
  ui: number;
  s3: number;
  serving: number;
}

export const usualPorts: StackPorts = { temporal: 7233, ui: 8233, s3: 7070, serving: 8080 };
