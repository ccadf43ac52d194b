/** The address of the store and a minio-js client that is fit for it. */
import type http from 'node:http';
import { createRequire } from 'node:module';
import type { Client } from 'minio';
import { SeawallError } from '../../contracts/index.js';
import type { DirectGet } from './direct-get.js';
import type { Place } from './errors.js';
import { createTransport } from './requests.js';

// Its CommonJS form loads in half the time of its modules, a tenth of a second of every command.
const { Client: MinioClient } = createRequire(import.meta.url)('minio') as typeof import('minio');

const PART_BYTES = 16 << 20;

export interface S3Options {
  /** A host name or address, no URL. */
  host: string;
  port: number;
  useSSL: boolean;
  region: string;
  accessKeyId: string;
  secretAccessKey: string;
  sessionToken?: string;
  bucket: string;
  /** Everything lies below `<prefix>/`; '' for the bucket's root. */
  prefix: string;
  /** For a small request as a whole, between two chunks of a streamed one. Default 10,000. */
  deadlineMs?: number;
  /** Further tries after the first. Default 6: some ten seconds of outage are bridged. */
  retries?: number;
}

export function placeOf(options: S3Options): Place {
  const scheme = options.useSSL ? 'https' : 'http';
  const host = options.host.includes(':') ? `[${options.host}]` : options.host;
  return {
    endpoint: `${scheme}://${host}:${options.port}`,
    bucket: options.bucket,
    accessKeyId: options.accessKeyId,
  };
}

export function createClient(options: S3Options, transportAgent: http.Agent, direct: DirectGet): Client {
  // Without keys minio-js is silently anonymous, and every error that follows misleads.
  if (!options.accessKeyId || !options.secretAccessKey)
    throw new SeawallError(
      'AccessDenied',
      `no access key for object storage at ${placeOf(options).endpoint}`,
      'Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.',
    );
  if (options.prefix !== '' && !/^\w[\w.-]*(\/\w[\w.-]*)*$/.test(options.prefix))
    throw new SeawallError(
      'BadInput',
      `the prefix "${options.prefix}" is not usable`,
      'Use parts of letters, digits, _, - and . (not first), with single slashes between them and none at the ends.',
    );
  try {
    const client = new MinioClient({
      endPoint: options.host,
      port: options.port,
      useSSL: options.useSSL,
      // Without a region minio-js asks for the bucket's before every first request.
      region: options.region || 'us-east-1',
      accessKey: options.accessKeyId,
      secretKey: options.secretAccessKey,
      ...(options.sessionToken ? { sessionToken: options.sessionToken } : {}),
      transport: createTransport(options.useSSL, direct),
      transportAgent,
      // Ours are the only retries: minio-js repeats a 503 once and prints about it.
      retryOptions: { disableRetry: true },
    });
    // It holds several parts in memory; above 160 GB it makes them larger by itself, which its option would forbid.
    return Object.assign(client, { partSize: PART_BYTES });
  } catch (cause) {
    throw new SeawallError(
      'BadInput',
      `the address of object storage is not usable: ${String(cause)}`,
      'Set AWS_ENDPOINT_URL_S3 as http://host:port or https://host.',
      { cause },
    );
  }
}
