/** The bucket: made where it is missing. */
import { Client } from 'minio';
import { SeawallError } from '../contracts/index.js';
import type { S3Access } from '../stack/options.js';

/** A client for an endpoint given as URL. */
export function s3Client(access: S3Access): Client {
  const url = new URL(access.endpoint);
  const useSSL = url.protocol === 'https:';
  return new Client({
    endPoint: url.hostname,
    port: url.port === '' ? (useSSL ? 443 : 80) : Number(url.port),
    useSSL,
    region: access.region,
    accessKey: access.accessKeyId,
    secretKey: access.secretAccessKey,
    ...(access.sessionToken ? { sessionToken: access.sessionToken } : {}),
    pathStyle: true,
  });
}

const DEADLINE_MS = 15_000;

export async function bucketExists(access: S3Access, bucket: string): Promise<boolean> {
  return explained(access, bucket, s3Client(access).bucketExists(bucket));
}

/** Makes the bucket if it is missing; fails with `AccessDenied` for wrong keys and `Unavailable` where nothing answers. */
export async function ensureBucket(access: S3Access, bucket: string): Promise<void> {
  if (await bucketExists(access, bucket)) return;
  const made = s3Client(access)
    .makeBucket(bucket, access.region)
    .catch((error: unknown) => {
      if (!/BucketAlready(OwnedByYou|Exists)/.test(String((error as { code?: string }).code))) throw error;
    });
  await explained(access, bucket, made);
}

/** minio-js waits very long for a server that accepts but does not answer. */
async function explained<T>(access: S3Access, bucket: string, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const deadline = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${DEADLINE_MS / 1000} s`)), DEADLINE_MS);
  });
  try {
    return await Promise.race([work, deadline]);
  } catch (error) {
    throw explain(access, bucket, error);
  } finally {
    clearTimeout(timer);
  }
}

function explain({ endpoint }: S3Access, bucket: string, error: unknown): SeawallError {
  const { code = '', message = String(error) } = error as { code?: string; message?: string };
  const text = message || code;
  if (
    /AccessDenied|InvalidAccessKeyId|XAdminUserNotFound|SignatureDoesNotMatch|InvalidToken|Forbidden/i.test(
      `${code} ${text}`,
    )
  ) {
    return new SeawallError(
      'AccessDenied',
      `S3 at ${endpoint} refuses these keys for bucket ${bucket} (${code || text})`,
      'Check AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_REGION.',
      { cause: error },
    );
  }
  return new SeawallError(
    'Unavailable',
    `S3 at ${endpoint} does not answer (${text})`,
    'Check AWS_ENDPOINT_URL_S3 and that the server runs.',
    { cause: error },
  );
}
