/** A connection to Temporal, or one clear error. */
import { Connection, type ConnectionOptions } from '@temporalio/client';
import { temporalError } from './errors.js';

export interface ConnectOptions {
  /** host:port, TLS, API key and so on; `config.temporal.connectionOptions` of a Seawall process. */
  connectionOptions: ConnectionOptions & { address: string };
  /** How long the server may take to answer at all. Default: 5 s. */
  timeoutMs?: number;
}

/** @throws SeawallError `Unavailable` (nobody answers there) or `AccessDenied` (wrong key or certificate) */
export async function connectTemporal({ connectionOptions, timeoutMs = 5000 }: ConnectOptions): Promise<Connection> {
  try {
    return await Connection.connect({ ...connectionOptions, connectTimeout: timeoutMs });
  } catch (error) {
    throw temporalError(error, connectionOptions.address);
  }
}
