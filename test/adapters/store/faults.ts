/** Faults between a client and its S3 server, for the store's tests. */
import { once } from 'node:events';
import { open } from 'node:fs/promises';
import http from 'node:http';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { Client } from 'minio';
import type { S3Server } from '../../support/s3.js';

/** What the proxy does to one request. */
export type Fault =
  /** Forwards it. */
  | 'none'
  /** Forwards it, and closes the connection instead of answering. */
  | 'loseAnswer'
  /** Answers 503 without forwarding it. */
  | 'unavailable'
  /** Forwards it, sends half of the answer's body, then nothing more. */
  | 'stallBody'
  /** Forwards it, sends half of the answer's body, then closes. */
  | 'cutBody'
  /** Forwards it, and sends the answer's body in eight pieces, one every `DRIP_MS`. */
  | 'drip';
export const DRIP_MS = 150;

export interface Proxy {
  port: number;
  /** `METHOD key` of what came, in order. */
  seen: string[];
  stop(): Promise<void>;
}

/** An HTTP proxy before `target` that asks `rule` about every request. The signed Host header passes as it came. */
export async function startProxy(
  target: S3Server,
  rule: (method: string, key: string) => Fault | Promise<Fault>,
): Promise<Proxy> {
  const { bucket, prefix } = target.options;
  const seen: string[] = [];
  const server = http.createServer((request, response) => {
    const key = decodeURIComponent(request.url ?? '').replace(`/${bucket}/${prefix}/`, '');
    const method = request.method ?? '';
    seen.push(`${method} ${key}`);
    Promise.resolve(rule(method, key)).then(
      (fault) => forward(target, request, response, fault),
      () => request.socket.destroy(),
    );
  });
  return { ...(await listening(server)), seen };
}

function forward(target: S3Server, request: http.IncomingMessage, response: http.ServerResponse, fault: Fault): void {
  if (fault === 'unavailable') return void response.writeHead(503).end();
  const { method, url: path, headers } = request;
  const { host, port } = target.options;
  const upstream = http.request({ host, port, method, path, headers, agent: false }, (answer) => {
    const chunks: Buffer[] = [];
    answer.on('data', (chunk: Buffer) => chunks.push(chunk));
    answer.on('end', () => reply(request, response, answer, Buffer.concat(chunks), fault));
  });
  upstream.on('error', () => request.socket.destroy());
  request.pipe(upstream);
}

/**
 * A store that ignores one conditional header on PUT, as some do. The header is part of the signature, so the proxy cannot
 * just leave it out: it stores the body with a request of its own.
 */
export async function startForgetfulProxy(
  target: S3Server,
  header: string,
): Promise<{ port: number; stop(): Promise<void> }> {
  const { bucket, port, host, accessKeyId, secretAccessKey, region } = target.options;
  const client = new Client({
    endPoint: host,
    port,
    useSSL: false,
    accessKey: accessKeyId,
    secretKey: secretAccessKey,
    region,
  });
  const server = http.createServer((request, response) => {
    const { method, url = '', headers } = request;
    if (method === 'PUT' && header in headers) {
      buffer(request)
        .then((body) => client.putObject(bucket, decodeURIComponent(url).replace(`/${bucket}/`, ''), body))
        .then(({ etag }) => response.writeHead(200, { etag: `"${etag}"` }).end())
        .catch(() => response.destroy());
      return;
    }
    const upstream = http.request({ host, port, method, path: url, headers, agent: false }, (answer) => {
      response.writeHead(answer.statusCode ?? 500, answer.headers);
      answer.pipe(response);
    });
    upstream.on('error', () => request.socket.destroy());
    request.pipe(upstream);
  });
  return listening(server);
}

function reply(
  request: http.IncomingMessage,
  response: http.ServerResponse,
  answer: http.IncomingMessage,
  body: Buffer,
  fault: Fault,
): void {
  if (fault === 'loseAnswer') return void request.socket.destroy();
  response.writeHead(answer.statusCode ?? 500, answer.headers);
  if (fault === 'none') return void response.end(body);
  if (fault === 'drip') return drip(response, body);
  response.write(body.subarray(0, body.length / 2), () => {
    if (fault === 'cutBody') request.socket.destroy();
  });
}

function drip(response: http.ServerResponse, body: Buffer): void {
  const piece = Math.ceil(body.length / 8);
  let sent = 0;
  const timer = setInterval(() => {
    response.write(body.subarray(sent, sent + piece));
    sent += piece;
    if (sent < body.length && !response.destroyed) return;
    clearInterval(timer);
    response.end();
  }, DRIP_MS);
}

/** A server that accepts connections and never answers. */
export const startSilentServer = (): Promise<{ port: number; stop(): Promise<void> }> =>
  listening(createServer((socket) => socket.resume()));

async function listening(server: Server): Promise<{ port: number; stop(): Promise<void> }> {
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.on('close', () => sockets.delete(socket));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    stop: async () => {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

/** Damages one byte of a stored object behind the server's back; its size stays. */
export async function flipByte(s3: S3Server, key: string, at = 0): Promise<void> {
  const file = await open(join(s3.folder, s3.options.bucket, s3.options.prefix, key), 'r+');
  try {
    const byte = Buffer.alloc(1);
    await file.read(byte, 0, 1, at);
    byte[0] = (byte[0] as number) ^ 0x01;
    await file.write(byte, 0, 1, at);
  } finally {
    await file.close();
  }
}
