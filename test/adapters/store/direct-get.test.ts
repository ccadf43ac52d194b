import { once } from 'node:events';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { createDirectGet, type DirectGet, type DirectResponse } from '../../../src/adapters/store/direct-get.js';

/** A server that answers every request with the next of these scripts; it sees bytes, not HTTP. */
let answers: ((socket: Socket) => void)[];
let connections: Socket[];
let server: Server;
let direct: DirectGet;
beforeEach(async () => {
  [answers, connections] = [[], []];
  server = createServer((socket) => {
    connections.push(socket);
    socket.on('error', () => undefined);
    socket.on('data', (asked) => {
      expect(asked.toString()).toBe('GET /b/k HTTP/1.1\r\nhost: x\r\nconnection: keep-alive\r\n\r\n');
      answers.shift()?.(socket);
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  direct = createDirectGet();
});
afterEach(() => {
  direct.close();
  for (const socket of connections) socket.destroy();
  server.close();
});

const says =
  (...parts: string[]) =>
  async (socket: Socket): Promise<void> => {
    for (const part of parts) {
      socket.write(part);
      await delay(10); // a packet of its own
    }
  };
const head = (length: number | string, more = ''): string =>
  `HTTP/1.1 206 Partial Content\r\nContent-Length: ${length}\r\nETag: "e"\r\n${more}\r\n`;

function get(size: number, signal = new AbortController().signal) {
  const into = Buffer.from(new SharedArrayBuffer(size));
  const { port } = server.address() as AddressInfo;
  const options = { host: '127.0.0.1', port, method: 'GET', path: '/b/k', headers: { host: 'x' } };
  return { into, answer: direct.get(options, into, { signal, moved: () => undefined }) };
}
async function body(size: number): Promise<string | undefined> {
  const { into, answer } = get(size);
  const got: DirectResponse | undefined = await answer;
  return got && into.toString('latin1', 0, got.size);
}

it('puts a body where it is wanted, however the bytes come, on one connection', async () => {
  answers = [
    says(`${head(5)}hello`),
    says('HTTP/1.', '1 200 OK\r\ncontent-length: 5\r\n\r', '\nhe', 'llo'),
    says(head(0)),
    says(`${head(3)}abc`),
  ];
  expect([await body(5), await body(5), await body(9), await body(9)]).toEqual(['hello', 'hello', '', 'abc']);
  expect(connections).toHaveLength(1);
});

it('takes megabytes in one piece', async () => {
  const large = 'x'.repeat(5_000_000);
  answers = [(socket) => void socket.write(head(large.length) + large)];
  expect(await body(8 << 20)).toBe(large);
});

it.each([
  ['an error', `HTTP/1.1 404 Not Found\r\ncontent-length: 2\r\n\r\nno`],
  ['chunks', `HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n`],
  ['no length', `HTTP/1.1 200 OK\r\n\r\nab`],
  ['two lengths', head(2, 'content-length: 3\r\n')],
  ['more than was asked for', `${head(6)}abcdef`],
  ['more than it said', `${head(2)}abc`],
  ['something else', `SSH-2.0-OpenSSH_9.6\r\n\r\n`],
  ['an endless head', `HTTP/1.1 200 OK\r\nx: ${'y'.repeat(20_000)}`],
])('leaves %s to another client, on another connection', async (_, answer) => {
  answers = [says(answer), says(`${head(2)}ab`)];
  expect(await body(5)).toBeUndefined();
  expect(await body(5)).toBe('ab');
  expect(connections).toHaveLength(2);
});

it('does not reuse a connection that the other side closes', async () => {
  answers = [says(`${head(2, 'Connection: close\r\n')}ab`), says(`${head(2)}ab`)];
  expect([await body(2), await body(2)]).toEqual(['ab', 'ab']);
  expect(connections).toHaveLength(2);
});

it('replaces a kept connection that was closed meanwhile, but not one that breaks within an answer', async () => {
  answers = [says(`${head(2)}ab`), (socket) => void socket.destroy(), says(`${head(2)}ab`), says(`${head(2)}a`)];
  expect([await body(2), await body(2)]).toEqual(['ab', 'ab']);
  expect(connections).toHaveLength(2);
  const cut = body(2);
  await delay(50);
  connections.at(-1)?.destroy();
  await expect(cut).rejects.toMatchObject({ code: 'ECONNRESET' });
});

it('ends at once when it is given up, and writes no more', async () => {
  const stop = new AbortController();
  answers = [says(`${head(6)}abc`, '', '', '', '', 'def')];
  const { into, answer } = get(6, stop.signal);
  answer.catch(() => undefined); // looked at below
  while (into[2] === 0) await delay(5);
  stop.abort(new Error('enough'));
  await expect(answer).rejects.toThrow('enough');
  await delay(100);
  expect(into.toString('latin1')).toBe('abc\0\0\0');
});

it('refuses to send a head that would be two', () => {
  const options = { host: '127.0.0.1', port: 1, method: 'GET', path: '/b/k', headers: { host: 'x\r\ny: z' } };
  const wire = { signal: new AbortController().signal, moved: () => undefined };
  return expect(direct.get(options, Buffer.alloc(1), wire)).rejects.toThrow('cannot be sent');
});
