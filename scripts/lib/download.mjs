// Release downloads. A network that refuses is found out within 5 s, so that the next way is tried soon.
import { createHash } from 'node:crypto';
import { readFileSync, rmSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import https from 'node:https';
import { exec, which } from './exec.mjs';

const CONNECT_TIMEOUT_MS = 5_000;
const STALL_TIMEOUT_MS = 30_000;

/** Fetches an https URL into a file; errors are one line. */
export async function download(url, file) {
  try {
    // curl honours proxies and the machine's certificates, which Node's own client does not.
    if (which('curl')) await withCurl(url, file);
    else await writeFile(file, await withNode(url));
  } catch (error) {
    rmSync(file, { force: true });
    throw error;
  }
}

async function withCurl(url, file) {
  const limits = ['--connect-timeout', '5', '--speed-limit', '1024', '--speed-time', '30'];
  const { code, output } = await exec('curl', ['-fsSL', '--proto', '=https', ...limits, '-o', file, url]);
  if (code !== 0) throw new Error(output.trim().split('\n').at(-1) || `curl ended with ${code}`);
}

function withNode(url, redirects = 5) {
  return new Promise((resolve, reject) => {
    const request = https.get(url, (response) => {
      const { statusCode = 0, headers } = response;
      if (statusCode >= 300 && statusCode < 400 && headers.location && redirects > 0) {
        response.resume();
        const target = new URL(headers.location, url);
        if (target.protocol !== 'https:') reject(new Error(`refused to follow a redirect to ${target.protocol}`));
        else withNode(target, redirects - 1).then(resolve, reject);
        return;
      }
      if (statusCode !== 200) {
        response.resume();
        reject(new Error(`the server answered ${statusCode}`));
        return;
      }
      const chunks = [];
      response.on('data', (chunk) => chunks.push(chunk));
      response.on('end', () => resolve(Buffer.concat(chunks)));
      response.on('error', reject);
    });
    const timer = setTimeout(() => request.destroy(new Error('no connection within 5 s')), CONNECT_TIMEOUT_MS);
    request.on('socket', (socket) => socket.once('secureConnect', () => clearTimeout(timer)));
    request.setTimeout(STALL_TIMEOUT_MS, () => request.destroy(new Error('the download stalled for 30 s')));
    request.on('error', reject).on('close', () => clearTimeout(timer));
  });
}

export function sha256Of(file) {
  return createHash('sha256').update(readFileSync(file)).digest('hex');
}

/**
 * Checks a file against the checksums file published beside the release (`<sha256>  <name>` per line). That guards against a
 * broken or truncated download, not against a forged release: both files come from the same place.
 */
export async function verifyAgainstChecksums(file, name, checksumsUrl) {
  const list = `${file}.checksums`;
  await download(checksumsUrl, list);
  const line = readFileSync(list, 'utf8')
    .split('\n')
    .find((entry) => entry.trim().split(/\s+\*?/)[1] === name);
  rmSync(list, { force: true });
  if (!line) throw new Error(`the release's checksums do not list ${name}`);
  const wanted = line.trim().split(/\s+/)[0];
  const found = sha256Of(file);
  if (found !== wanted) throw new Error(`SHA-256 of ${name} is ${found}, the release says ${wanted}`);
}
