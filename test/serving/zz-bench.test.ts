import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { it } from 'vitest';
import { entryPoint } from '../../src/adapters/entry-point.js';
import { startS3 } from '../support/s3.js';
import { body, bytesTensor, flightsModel, flush, release, temporaryFolder, testStore } from './support.js';

it('bench', async () => {
  const s3 = await startS3();
  const store = testStore(s3, 'bench');
  const home = await temporaryFolder();
  const bytes = process.env['BENCH_MODEL'] ? readFileSync(process.env['BENCH_MODEL']) : await flightsModel(0.5);
  await release(store, 'flights', 1, bytes);
  const config = {
    homeDir: home.path,
    s3: { ...s3.options, prefix: 'bench' },
    serving: { host: '127.0.0.1', port: 0 },
  };
  const args = [
    join(import.meta.dirname, 'serve-child.mjs'),
    entryPoint(import.meta.url, '../../src/serving/main.js'),
    JSON.stringify(config),
  ];
  if (process.env['PROF']) args.unshift('--cpu-prof', '--cpu-prof-dir=/tmp/prof');
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  let url = '';
  for await (const line of createInterface({ input: child.stdout })) {
    url = JSON.parse(line).url;
    if (url) break;
  }
  child.stdout.resume();
  const bodies: string[] = [];
  const airports = ['SEA', 'ORD', 'JFK', 'LAX', 'ATL', 'DFW', 'BOS', 'MIA'];
  let n = 0;
  for (let b = 0; b < 58; b++) {
    const rows = Array.from({ length: 2000 }, (_, i) => ({
      hour: (b + i) % 24,
      distance: (i * 37) % 2500,
      origin: airports[i % 8] as string,
    }));
    const start = Date.parse('2001-02-05T00:00:00Z') + b * 10_000_000;
    bodies.push(
      JSON.stringify(
        body(rows, [
          bytesTensor(
            '_prediction_id',
            rows.map(() => `2001-02-05-${n++}`),
          ),
          bytesTensor(
            '_event_time',
            rows.map((_, i) => new Date(start + i * 60_000).toISOString()),
          ),
        ]),
      ),
    );
  }
  const cpu = (): number => {
    const f = readFileSync(`/proc/${child.pid}/stat`, 'utf8').split(') ')[1]!.split(' ');
    return (Number(f[11]) + Number(f[12])) / 100;
  };
  for (let round = 0; round < 4; round++) {
    const c0 = cpu();
    const t0 = performance.now();
    for (const text of bodies) {
      const r = await fetch(`${url}/v2/models/flights/infer`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: text,
      });
      await r.text();
      if (r.status !== 200) throw new Error('bad');
    }
    const t1 = performance.now();
    const c1 = cpu();
    const f = await flush(url);
    const t2 = performance.now();
    console.log(
      `wall ${((116000 / (t1 - t0)) * 1000).toFixed(0)} rows/s, cpu ${(116000 / (c1 - c0)).toFixed(0)} rows/cpu-s (${(c1 - c0).toFixed(2)} s); flush ${(t2 - t1).toFixed(0)} ms, cpu ${(cpu() - c1).toFixed(2)} s`,
      f.json,
    );
  }
  console.log('rss', readFileSync(`/proc/${child.pid}/status`, 'utf8').match(/VmRSS.*/)?.[0]);
  child.kill('SIGTERM');
  await once(child, 'exit');
  store.close();
  await home.remove();
  await s3.stop();
});
