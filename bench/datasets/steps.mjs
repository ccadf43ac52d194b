// What each of the compared programs does in a round: a list of [step, what to do]. All of it happens in the bench's work folder.
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { root } from '../../scripts/lib/paths.mjs';
import { timed } from './machine.mjs';

export const STEPS = [
  'commit',
  'commit, nothing new',
  'pull',
  'pull, nothing new',
  'commit version 2',
  'pull version 2',
  'clean',
];
const remove = (...paths) => paths.forEach((path) => rmSync(path, { recursive: true, force: true }));

function same(a, b) {
  const { status, stdout } = spawnSync('diff', ['-r', '-q', a, b], { encoding: 'utf8' });
  if (status !== 0) throw new Error(`${a} and ${b} differ:\n${stdout.slice(0, 1000)}`);
}

/** Rewrites in place what differs between the versions, as somebody who works on a dataset does. */
const rewrite = (folder, version, changed) => {
  for (const name of changed) cpSync(join(version, name), join(folder, name));
};

/** `note(step, who, measured)`; `changed` are the names of the files that version 2 rewrites. */
export function seawallRound({ store, round, note, changed }) {
  const env = {
    SEAWALL_HOME: 'seawall-home',
    SEAWALL_PREFIX: `round-${round}`,
    SEAWALL_BUCKET: store.bucket,
    AWS_ENDPOINT_URL_S3: store.endpoint,
    AWS_ACCESS_KEY_ID: store.access,
    AWS_SECRET_ACCESS_KEY: store.secret,
  };
  const run = async (step, ...args) =>
    note(
      step,
      'seawall',
      await timed(process.execPath, [join(root, 'bin', 'seawall.js'), 'dataset', ...args], { env }),
    );
  return {
    commit: (step) => run(step, 'commit', 'd', 'seawall-data'),
    'commit, nothing new': (step) => run(step, 'commit', 'd', 'seawall-data'),
    pull: async (step) => {
      await run(step, 'pull', 'd', 'seawall-out');
      same('v1', 'seawall-out');
    },
    'pull, nothing new': (step) => run(step, 'pull', 'd', 'seawall-out'),
    'commit version 2': async (step) => {
      rewrite('seawall-data', 'v2', changed);
      await run(step, 'commit', 'd', 'seawall-data');
    },
    'pull version 2': async (step) => {
      await run(step, 'pull', 'd', 'seawall-out');
      same('v2', 'seawall-out');
    },
    clean: () => {
      remove('seawall-home', 'seawall-out');
      rewrite('seawall-data', 'v1', changed);
    },
  };
}

export function dvcRound({ store, round, note, changed, program }) {
  const env = {
    AWS_ACCESS_KEY_ID: store.access,
    AWS_SECRET_ACCESS_KEY: store.secret,
    AWS_DEFAULT_REGION: 'us-east-1',
    DVC_NO_ANALYTICS: '1',
  };
  const run = (cwd, ...args) => timed(program, [...args, '-q'], { cwd, env });
  const init = async (cwd) => {
    mkdirSync(cwd, { recursive: true });
    await run(cwd, 'init', '--no-scm');
    await run(cwd, 'remote', 'add', '-d', 'store', `s3://${store.bucket}/dvc-${round}`);
    await run(cwd, 'remote', 'modify', 'store', 'endpointurl', store.endpoint);
  };
  const addAndPush = async (step) => {
    const [add, push] = [await run('dvc-repo', 'add', 'data'), await run('dvc-repo', 'push')];
    note(step, 'dvc', { seconds: add.seconds + push.seconds, peakMb: Math.max(add.peakMb, push.peakMb) });
  };
  const pull = async (step) => {
    cpSync('dvc-repo/data.dvc', 'dvc-clone/data.dvc');
    note(step, 'dvc', await run('dvc-clone', 'pull'));
  };
  return {
    commit: async (step) => {
      await init('dvc-repo');
      await init('dvc-clone');
      cpSync('v1', 'dvc-repo/data', { recursive: true });
      await addAndPush(step);
    },
    'commit, nothing new': addAndPush,
    pull: async (step) => {
      await pull(step);
      same('v1', 'dvc-clone/data');
    },
    'pull, nothing new': pull,
    'commit version 2': async (step) => {
      rewrite('dvc-repo/data', 'v2', changed);
      await addAndPush(step);
    },
    'pull version 2': async (step) => {
      await pull(step);
      same('v2', 'dvc-clone/data');
    },
    clean: () => remove('dvc-repo', 'dvc-clone'),
  };
}

export function rcloneRound({ store, note, program }) {
  const env = {
    // It cannot take certificates from there over plain HTTP.
    AWS_CA_BUNDLE: '',
    RCLONE_CONFIG: '/dev/null',
    RCLONE_CONFIG_S_TYPE: 's3',
    RCLONE_CONFIG_S_PROVIDER: 'Other',
    RCLONE_CONFIG_S_ENDPOINT: store.endpoint,
    RCLONE_CONFIG_S_ACCESS_KEY_ID: store.access,
    RCLONE_CONFIG_S_SECRET_ACCESS_KEY: store.secret,
  };
  const args = ['copy', `s:${store.bucket}/plain`, 'rclone-out', '--transfers', '16'];
  return {
    pull: async (step) => {
      note(step, 'rclone', await timed(program, args, { env }));
      same('v1', 'rclone-out');
    },
    clean: () => remove('rclone-out'),
  };
}

/** What nobody can be faster than: copying the files, and their SHA-256 by two processes. */
export function floorRound({ note }) {
  return {
    commit: async (step) => note(step, 'sha256sum', await timed('sh', ['-c', 'ls v1/* | xargs -P 2 -n 50 sha256sum'])),
    pull: async (step) => note(step, 'cp', await timed('cp', ['-r', 'v1', 'floor-out'])),
    clean: () => remove('floor-out'),
  };
}
