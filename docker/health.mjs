// The health check of our containers: `node docker/health.mjs loop|gpu|serving`. Exit code 0 when healthy; says what it saw.
import { join } from 'node:path';

const compiled = new URL('../dist/src/workers/', import.meta.url);
const { loadLocalConfig } = await import(new URL('config.js', compiled).href);
const { readHealth } = await import(new URL('health.js', compiled).href);

/** Ready, not only alive: a process without its models should get no traffic. */
async function servingHealth({ serving: { host, port } }) {
  const near = host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '[::1]' : host;
  const response = await fetch(`http://${near}:${port}/v2/health/ready`, { signal: AbortSignal.timeout(5_000) });
  return { healthy: response.ok, found: `${response.status} ${await response.text()}` };
}

async function health(what) {
  const config = loadLocalConfig();
  if (what === 'serving') return servingHealth(config);
  if (what === 'loop' || what === 'gpu') return readHealth(join(config.homeDir, 'health', `${what}.json`));
  return { healthy: false, found: 'usage: node docker/health.mjs loop|gpu|serving' };
}

const { healthy, found } = await health(process.argv[2]).catch((error) => ({ healthy: false, found: String(error) }));
process.stdout.write(`${found}\n`);
process.exitCode = healthy ? 0 : 1;
