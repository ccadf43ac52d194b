/** Programs of docker-compose.yml as plain processes: their output, their end, nothing left behind. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';

export interface Program {
  child: ChildProcess;
  output(): string;
  /** Resolves once a line of its output holds `text`; fails when it ends before. */
  prints(text: string): Promise<void>;
  /** Its exit code, or the signal that ended it. */
  ended: Promise<number | string>;
}

const running = new Set<ChildProcess>();
process.once('exit', () => killAll());

export function killAll(): void {
  for (const child of running) child.kill('SIGKILL');
}

export function start([file = '', ...args]: string[], environment: Record<string, string>, cwd: string): Program {
  const env = { PATH: process.env['PATH'] ?? '', ...environment };
  const child = spawn(file, args, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] });
  running.add(child);
  let text = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk;
      child.emit('output');
    });
  }
  const ended = new Promise<number | string>((resolve) => {
    child.once('error', (error) => resolve(error.message));
    child.once('close', (code, signal) => {
      running.delete(child);
      resolve(code ?? signal ?? 'unknown');
    });
  });
  return {
    child,
    output: () => text,
    ended,
    prints: async (wanted) => {
      let code: number | string | undefined;
      void ended.then((value) => {
        code = value;
        child.emit('output');
      });
      while (!text.includes(wanted)) {
        if (code !== undefined) throw new Error(`${[file, ...args].join(' ')} ended with ${code}:\n${text}`);
        await once(child, 'output');
      }
    },
  };
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
