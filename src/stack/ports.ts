import { createServer, connect } from 'node:net';
import { SeawallError } from '../contracts/index.js';

export const LOOPBACK = '127.0.0.1';

/** The first free loopback port from `wanted` on that is not in `taken`. */
export async function freePort(wanted: number, taken: ReadonlySet<number>): Promise<number> {
  for (let port = wanted; port < wanted + 200 && port < 65_536; port++) {
    if (!taken.has(port) && (await isFree(port))) return port;
  }
  throw new SeawallError(
    'Unavailable',
    `no free port on ${LOOPBACK} from ${wanted} to ${wanted + 199}`,
    'End programs that listen there, then try again.',
  );
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen({ host: LOOPBACK, port, exclusive: true }, () => server.close(() => resolve(true)));
  });
}

/** True when something accepts connections there. */
export function accepts(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port });
    const answer = (yes: boolean) => {
      socket.destroy();
      resolve(yes);
    };
    socket.setTimeout(1_000, () => answer(false));
    socket.once('connect', () => answer(true)).once('error', () => answer(false));
  });
}
