/**
 * GETs whose bodies land where they are wanted. Node's HTTP client makes a new buffer of 64 KiB for every read, and the garbage
 * collector that frees them costs as much as the receiving. Here the kernel copies straight into the caller's memory.
 *
 * Only what is simple is understood: plain HTTP, status 200 or 206, a Content-Length that fits. All else (errors, chunked bodies,
 * TLS) is asked once more of Node's own client, with the same signature.
 */
import type http from 'node:http';
import { connect, type Socket } from 'node:net';

/** Larger heads are left to Node's client. */
const HEAD_BYTES = 16 << 10;
/** As many as requests may be on their way: each new connection costs, and the memory for its head is garbage afterwards. */
const MAX_IDLE = 64;

export interface DirectResponse {
  statusCode: number;
  headers: Record<string, string>;
  /** Bytes of the body, all of them in `into`. */
  size: number;
}
export interface DirectGet {
  /**
   * Sends a request without a body. Undefined: the answer is none of those that are understood, and its connection was closed.
   * Rejects when the connection breaks or `signal` says so; a kept connection that was closed meanwhile is replaced in silence.
   */
  get(options: http.RequestOptions, into: Buffer, wire: Wire): Promise<DirectResponse | undefined>;
  close(): void;
}
export interface Wire {
  signal: AbortSignal;
  /** Bytes have come. */
  moved(): void;
}

export function createDirectGet(): DirectGet {
  const idle = new Set<Connection>();
  const get: DirectGet['get'] = async (options, into, wire) => {
    const head = headOf(options);
    for (;;) {
      const kept = idle.values().next().value;
      if (kept) idle.delete(kept);
      const connection = kept ?? new Connection(options);
      try {
        const answer = await connection.ask(head, into, wire);
        if (answer && connection.keeps && idle.size < MAX_IDLE) connection.rest(idle);
        else connection.end();
        return answer;
      } catch (error) {
        connection.end();
        // The other side may close a kept connection whenever it likes.
        if (!kept || connection.answered || wire.signal.aborted) throw error;
      }
    }
  };
  return {
    get,
    close: () => {
      for (const connection of idle) connection.end();
      idle.clear();
    },
  };
}

function headOf({ method, path, headers }: http.RequestOptions): string {
  const fields = Object.entries(headers ?? {}).map(([name, value]) => `${name}: ${String(value)}`);
  const lines = [`${method} ${path} HTTP/1.1`, ...fields, 'connection: keep-alive'];
  // As Node's client does: a line must not become two.
  if (lines.some((line) => !/^[\t\x20-\x7e]+$/.test(line)))
    throw new Error('the request has characters that cannot be sent');
  return `${lines.join('\r\n')}\r\n\r\n`;
}

interface Question {
  into: Buffer;
  wire: Wire;
  resolve(answer: DirectResponse | undefined): void;
  reject(error: Error): void;
}

/** One request after the other on one socket. */
class Connection {
  /** Whether the other side keeps it open after the last answer. */
  keeps = false;
  /** Something of the current answer has come. */
  answered = false;
  private readonly socket: Socket;
  private readonly scratch = Buffer.allocUnsafeSlow(HEAD_BYTES);
  private headBytes = 0;
  private head: { statusCode: number; headers: Record<string, string>; length: number } | undefined;
  private received = 0;
  private question: Question | undefined;
  private resting: Set<Connection> | undefined;

  constructor({ host, port }: http.RequestOptions) {
    this.socket = connect({
      host: host ?? '127.0.0.1',
      port: Number(port ?? 80),
      noDelay: true,
      onread: {
        buffer: () => this.target(),
        callback: (size) => {
          this.take(size);
          return true;
        },
      },
    });
    this.socket.resume();
    this.socket.on('error', (error) => this.fail(error));
    this.socket.once('close', () => this.resting?.delete(this));
    this.socket.once('close', () => this.fail(Object.assign(new Error('aborted'), { code: 'ECONNRESET' })));
  }

  ask(head: string, into: Buffer, wire: Wire): Promise<DirectResponse | undefined> {
    return new Promise((resolve, reject) => {
      const stop = (): void => void this.socket.destroy(wire.signal.reason as Error);
      const done = (): void => wire.signal.removeEventListener('abort', stop);
      this.headBytes = this.received = 0;
      this.head = undefined;
      this.answered = this.keeps = false;
      this.question = {
        ...{ into, wire },
        resolve: (answer) => (done(), resolve(answer)),
        reject: (error) => (done(), reject(error)),
      };
      if (wire.signal.aborted) return this.fail(wire.signal.reason as Error);
      if (this.socket.destroyed) return this.fail(Object.assign(new Error('aborted'), { code: 'ECONNRESET' }));
      wire.signal.addEventListener('abort', stop);
      this.socket.ref();
      this.socket.write(head, 'latin1');
    });
  }

  /** Waits for the next question among `others`; does not hold up the end of the process. */
  rest(others: Set<Connection>): void {
    this.resting = others;
    others.add(this);
    this.socket.unref();
  }

  end(): void {
    this.socket.destroy();
  }

  /** Where the next bytes go: the body straight to its place. */
  private target(): Buffer {
    const { question, head, received, scratch } = this;
    if (question && head && received < head.length) return question.into.subarray(received, head.length);
    return scratch.subarray(this.headBytes < HEAD_BYTES && !head ? this.headBytes : 0);
  }

  private take(size: number): void {
    const { question } = this;
    // Bytes that nobody asked for: the connection cannot be understood any more.
    if (!question) return void this.socket.destroy();
    this.answered = true;
    question.wire.moved();
    if (this.head) this.received += size;
    else this.takeHead(size, question);
    const { head } = this;
    if (!head || !this.question || this.received < head.length) return;
    this.question = undefined;
    question.resolve({ statusCode: head.statusCode, headers: head.headers, size: head.length });
  }

  private takeHead(size: number, question: Question): void {
    this.headBytes += size;
    const end = this.scratch.subarray(0, this.headBytes).indexOf('\r\n\r\n');
    if (end === -1 && this.headBytes < HEAD_BYTES) return;
    const parsed = end === -1 ? undefined : parseHead(this.scratch.toString('latin1', 0, end));
    const surplus = this.headBytes - end - 4;
    if (!parsed || parsed.length > question.into.length || surplus > parsed.length) {
      this.question = undefined;
      return question.resolve(undefined);
    }
    this.head = parsed;
    this.keeps = parsed.keeps;
    this.scratch.copy(question.into, 0, end + 4, this.headBytes);
    this.received = surplus;
  }

  private fail(error: Error): void {
    const { question } = this;
    this.question = undefined;
    question?.reject(error);
  }
}

/** Undefined: not one of the answers that are understood. */
export function parseHead(
  text: string,
): { statusCode: number; headers: Record<string, string>; length: number; keeps: boolean } | undefined {
  const [first = '', ...lines] = text.split('\r\n');
  const [, minor, status] = /^HTTP\/1\.([01]) (200|206)(?: |$)/.exec(first) ?? [];
  const headers: Record<string, string> = {};
  for (const line of lines) {
    const colon = line.indexOf(':');
    const name = line.slice(0, colon).toLowerCase();
    // Two lengths, or a line that is none: let Node's parser judge.
    if (colon < 1 || (name === 'content-length' && name in headers)) return undefined;
    headers[name] = line.slice(colon + 1).trim();
  }
  const length = headers['content-length'];
  if (status === undefined || 'transfer-encoding' in headers || !/^\d{1,15}$/.test(length ?? '')) return undefined;
  const keeps = minor === '1' && headers['connection']?.toLowerCase() !== 'close';
  return { statusCode: Number(status), headers, length: Number(length), keeps };
}
