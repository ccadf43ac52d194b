/** From what minio-js, sockets and the file system throw to a SeawallError that says what happened, where and what to do. */
import { SeawallError } from '../../contracts/index.js';

/** Where a request went, for messages. */
export interface Place {
  /** `http://127.0.0.1:7070` */
  endpoint: string;
  bucket: string;
  /** Only the id, never the secret. */
  accessKeyId: string;
}

export interface Failure {
  error: SeawallError;
  /** Whether another try of the same request may help. */
  again: boolean;
}

/** What is known about one try that failed. */
export interface FailedTry {
  /** As `read models/m/live.json`. */
  what: string;
  /** HTTP status, when an answer came. */
  status: number | undefined;
  /** Set when our own deadline ended the try. */
  timedOutAfterMs: number | undefined;
}

const ACCESS_CODES = new Set([
  'AccessDenied',
  'InvalidAccessKeyId',
  'SignatureDoesNotMatch',
  'ExpiredToken',
  'InvalidToken',
  'RequestTimeTooSkewed',
  'AuthorizationHeaderMalformed',
  // versitygw's answer to an unknown key, with status 404.
  'XAdminUserNotFound',
]);
const RETRIED_STATUS = new Set([408, 409, 425, 429]);
const RETRIED_CODES = new Set([
  'ECONNRESET',
  'ECONNREFUSED',
  'ECONNABORTED',
  'EPIPE',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'EAI_AGAIN',
  'ENOTFOUND',
  'ERR_STREAM_PREMATURE_CLOSE',
  'RequestTimeout',
  'SlowDown',
  'ConditionalRequestConflict',
  'OperationAborted',
  'InternalError',
  'IncompleteBody',
]);
/** Of the local file system: reading or writing our side of a transfer. */
const LOCAL_CODES = new Set(['ENOENT', 'ENOSPC', 'EACCES', 'EISDIR', 'EROFS', 'EDQUOT', 'EMFILE', 'EIO', 'ENOTDIR']);

const NEXT_ACCESS =
  'Check AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN and AWS_REGION, and that this key may read, write and list the bucket.';
const NEXT_UNAVAILABLE =
  'Check that the store runs and that AWS_ENDPOINT_URL_S3 names it (`seawall doctor` tells); nothing was lost, so try again.';

/** Judges what one try threw. `tries` is how many were made, for the message. */
export function judge(thrown: unknown, failed: FailedTry, place: Place, tries: number): Failure {
  if (thrown instanceof SeawallError) return { error: thrown, again: false };
  const code = codeOf(thrown);
  const text = thrown instanceof Error ? thrown.message : String(thrown);
  const make = (type: SeawallError['type'], message: string, next: string, again = false): Failure => ({
    error: new SeawallError(type, `${message} (could not ${failed.what})`, next, { cause: thrown }),
    again,
  });
  const unavailable = (message: string): Failure =>
    make('Unavailable', tries > 1 ? `${message}, ${tries} times` : message, NEXT_UNAVAILABLE, true);

  if (failed.timedOutAfterMs !== undefined)
    return unavailable(`object storage at ${place.endpoint} did not answer within ${failed.timedOutAfterMs} ms`);
  if (code && LOCAL_CODES.has(code) && isFileError(thrown)) return localFailure(make, code, text);
  if (code === 'NoSuchBucket')
    return make(
      'NotFound',
      `there is no bucket "${place.bucket}" at ${place.endpoint}`,
      `Create the bucket "${place.bucket}", or name another one in the configuration of the store.`,
    );
  if (failed.status === 401 || failed.status === 403 || (code && ACCESS_CODES.has(code)))
    return make(
      'AccessDenied',
      `object storage at ${place.endpoint} refused the key "${place.accessKeyId}" for bucket "${place.bucket}": ${code ?? failed.status} ${text}`.trimEnd(),
      code === 'RequestTimeTooSkewed'
        ? "Set this machine's clock: the store refuses requests that are minutes off."
        : NEXT_ACCESS,
    );
  if (code === 'ECONNREFUSED') return unavailable(`object storage at ${place.endpoint} refuses connections`);
  if (code && RETRIED_CODES.has(code))
    return unavailable(`object storage at ${place.endpoint} failed: ${code} ${text}`);
  if (failed.status !== undefined && (failed.status >= 500 || RETRIED_STATUS.has(failed.status)))
    return unavailable(`object storage at ${place.endpoint} answered ${failed.status}`);
  if (failed.status !== undefined && failed.status >= 300)
    return make(
      'BadInput',
      `object storage at ${place.endpoint} refused the request: ${failed.status} ${code ?? ''} ${text}`,
      'Check that the endpoint is an S3 store and that AWS_REGION and the bucket fit it (`seawall doctor` tells).',
    );
  return make('Unavailable', `talking to object storage at ${place.endpoint} failed: ${text}`, NEXT_UNAVAILABLE);
}

function localFailure(
  make: (type: SeawallError['type'], message: string, next: string) => Failure,
  code: string,
  text: string,
): Failure {
  if (code === 'ENOENT') return make('NotFound', `a local file is missing: ${text}`, 'Check the path and try again.');
  return make(
    'Unavailable',
    `the local disk failed: ${text}`,
    'Free space or permissions on this machine, then try again.',
  );
}

/** Makes a failure of the local disk say where it happened and what to do. */
export const diskFailure =
  (path: string) =>
  (cause: unknown): never => {
    if (cause instanceof SeawallError) throw cause;
    const { code, message } = cause as NodeJS.ErrnoException;
    const full = code === 'ENOSPC' || code === 'EDQUOT';
    throw new SeawallError(
      'Unavailable',
      `${full ? 'the disk is full' : 'the local disk failed'}: could not write ${path} (${message})`,
      full
        ? 'Free space on this machine, then try again: what has arrived is kept.'
        : 'Check the disk, then try again.',
      { cause },
    );
  };

/** Of a file, not of a socket (those name an address). */
const isFileError = (thrown: unknown): boolean =>
  thrown instanceof Error && 'syscall' in thrown && !('address' in thrown);

/** The S3 code (`NoSuchKey`) or the system's (`ECONNRESET`). */
export function codeOf(thrown: unknown): string | undefined {
  if (!(thrown instanceof Error)) return undefined;
  if (!('code' in thrown) || typeof thrown.code !== 'string' || thrown.code === '') {
    return thrown.message === 'socket hang up' || thrown.message === 'aborted' ? 'ECONNRESET' : undefined;
  }
  return thrown.code;
}

/** Stored content that is not what it must be. */
export function corrupt(where: string, expected: string, found: string): SeawallError {
  return new SeawallError(
    'Corrupt',
    `${where} is damaged: expected ${expected}, found ${found}`,
    'Restore this object from a copy of the bucket; everything else is untouched. If it happens again, check the disk of the store.',
  );
}
