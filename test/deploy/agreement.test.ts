/** Every variable, port, command and path in docker-compose.yml and Dockerfile is one that the code reads or has. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { describe, expect, it } from 'vitest';
import { commands } from '../../src/cli/main.js';
import { searchAttributes } from '../../src/contracts/index.js';
import { loadConfig, loadLocalConfig, loadS3Config } from '../../src/workers/config.js';
import { packageRoot } from '../../src/workers/package-root.js';
import {
  copiesOf,
  imageEnvironment,
  isIgnored,
  lastOf,
  ownServices,
  readCompose,
  readDockerfile,
  seconds,
  SECRETS,
  textOf,
} from './files.js';

const compose = readCompose();
const own = ownServices(compose);
const stages = readDockerfile();
const runtime = stages.at(-1) ?? { name: '', instructions: [] };
const overrides = ['docker/compose.temporal.yml', 'docker/compose.s3.yml'];
const nowhere = '/nonexistent';

describe('variables', () => {
  /** Names that Temporal's envconfig and the configuration's own code ask an environment for. */
  const readNames = (env: Record<string, string>): Set<string> => {
    const names = new Set<string>();
    const watched = new Proxy(env, {
      get: (target, name) => {
        names.add(String(name));
        return target[String(name)];
      },
    });
    loadLocalConfig(watched, nowhere);
    loadS3Config(watched, nowhere);
    const envconfig = join(packageRoot, 'node_modules', '@temporalio', 'envconfig', 'lib');
    for (const file of readdirSync(envconfig).filter((name) => name.endsWith('.js'))) {
      for (const [name] of readFileSync(join(envconfig, file), 'utf8').matchAll(/TEMPORAL_[A-Z_]+/g)) names.add(name);
    }
    return names;
  };

  it.each(own)('%s gets none that nobody reads', (_name, { environment = {} }) => {
    const read = readNames(environment);
    expect(Object.keys(environment).filter((name) => !read.has(name))).toEqual([]);
    expect(read).toContain('SEAWALL_HOME'); // the watch works
  });

  it.each(own)('%s gets all that it needs from them', (_name, { environment = {} }) => {
    const { temporal, s3, homeDir } = loadConfig({ ...imageEnvironment(stages), ...environment }, nowhere);
    expect(temporal).toMatchObject({ source: 'environment', address: 'temporal:7233', namespace: 'seawall' });
    expect(s3).toMatchObject({ source: 'environment', endpoint: 'http://s3:7070', bucket: 'seawall', prefix: 'main' });
    expect(s3.accessKeyId).toBe(compose.services['s3']?.environment?.['ROOT_ACCESS_KEY_ID']);
    expect(s3.secretAccessKey).toBe(compose.services['s3']?.environment?.['ROOT_SECRET_ACCESS_KEY']);
    expect(homeDir).toBe('/var/lib/seawall');
  });

  it('in the image and in the files for other servers are read too', () => {
    const read = readNames({ ...own[0]?.[1].environment });
    const image = Object.keys(imageEnvironment(stages));
    const notOurs = ['NODE_ENV', 'PYTHONDONTWRITEBYTECODE']; // Node's packages and Python read these
    expect(image.filter((name) => !read.has(name))).toEqual(notOurs);
    const others = overrides.flatMap((file) =>
      [...textOf(file).matchAll(/^ {2}([A-Z][A-Z0-9_]+):/gm)].map(([, n]) => n),
    );
    expect(others.length).toBeGreaterThan(10);
    expect(others.filter((name) => !read.has(name ?? ''))).toEqual([]);
  });

  it('hold every secret: none is written into a file', () => {
    const secret = /PASSWORD|PWD|SECRET|ACCESS_KEY|API_KEY|TOKEN|CERT_DATA|KEY_DATA/;
    for (const file of ['docker-compose.yml', ...overrides]) {
      // Aliases stay aliases here: only what is written out counts.
      for (const [, name = '', value = ''] of textOf(file).matchAll(/^\s+([A-Z][A-Z0-9_]+):[ \t]*(.*)$/gm)) {
        if (secret.test(name)) expect(value, `${file}: ${name}`).toMatch(/^$|^(&\S+ )?\$\{\w+:[?-]|^\*/);
      }
    }
    expect(Object.keys(SECRETS).every((name) => textOf('docker/example.env').includes(`\n${name}=\n`))).toBe(true);
  });

  it('that a person may set are all in docker/example.env or docs/deploy.md', () => {
    const told = textOf('docker/example.env') + textOf('docs/deploy.md');
    const asked = ['docker-compose.yml', ...overrides].flatMap((file) =>
      [...textOf(file).matchAll(/\$\{(\w+)/g)].map(([, name]) => name ?? ''),
    );
    expect([...new Set(asked)].filter((name) => !new RegExp(`\\b${name}\\b`).test(told))).toEqual([]);
  });
});

describe('commands', () => {
  it.each(own)('of %s are in the table of the command line', (_name, { command = [] }) => {
    const words = command.filter((word) => !word.startsWith('-'));
    const spec = commands.find(({ usage }) => usage === words.join(' '));
    expect(spec, `there is no \`seawall ${words.join(' ')}\``).toBeDefined();
    const options = (spec?.options ?? []).map(([flags]) => flags.split(' ')[0]);
    expect(command.filter((word) => word.startsWith('-') && !options.includes(word))).toEqual([]);
  });

  it('of the image start the command line that is in it', () => {
    expect(JSON.parse(lastOf(stages, 'ENTRYPOINT'))).toEqual(['node', '/app/bin/seawall.js']);
    expect(lastOf(stages, 'WORKDIR')).toBe('/app');
    expect(copiesOf(runtime).map(({ target }) => target)).toContain('bin');
  });

  it('end within the time that Compose gives them', () => {
    const limit = (file: string, pattern: RegExp): number =>
      Number(pattern.exec(textOf(file))?.[1]?.replaceAll('_', ''));
    const graces = Object.fromEntries(own.map(([name, service]) => [name, seconds(service.stop_grace_period)]));
    const worker = /shutdownForceTime: '(\d+)s'/;
    expect(graces['loop-worker']).toBeGreaterThan(limit('src/workers/loop.ts', worker) + 5);
    expect(graces['gpu-worker']).toBeGreaterThan(limit('src/workers/gpu.ts', worker) + 5);
    expect(graces['cpu-worker']).toBe(graces['gpu-worker']);
    expect(graces['serving']).toBeGreaterThan(limit('src/serving/main.ts', /EXIT_AFTER_MS = ([\d_]+)/) / 1000 + 5);
  });
});

describe('ports', () => {
  const published = (name: string) => compose.services[name]?.ports?.map((port) => port.replace(/^[\d.]+:/, ''));

  it('are those that serving, S3 and Temporal listen on', () => {
    const { serving } = loadConfig({ ...compose.services['serving']?.environment }, nowhere);
    expect(serving.host).toBe('0.0.0.0');
    expect(published('serving')).toEqual([`8080:${serving.port}`]);
    expect(lastOf(stages, 'EXPOSE')).toBe(String(serving.port));
    const { temporal, s3 } = loadConfig({ ...compose.services['init']?.environment }, nowhere);
    expect(published('s3')).toEqual([`${s3.port}:${s3.port}`]);
    expect(compose.services['s3']?.command).toContain(`:${s3.port}`);
    expect(temporal.address).toBe('temporal:7233');
    expect(published('temporal')).toEqual(['7233:7233']);
  });

  it('are those that the health checks ask', () => {
    const [program, script, part] = ['serving', 'loop-worker', 'gpu-worker', 'cpu-worker'].map((name) =>
      compose.services[name]?.healthcheck?.test.slice(1).join(' '),
    );
    expect([program, script, part]).toEqual([
      'node /app/docker/health.mjs serving',
      'node /app/docker/health.mjs loop',
      'node /app/docker/health.mjs gpu',
    ]);
    const s3 = compose.services['s3'];
    const path = s3?.command?.[s3.command.indexOf('--health') + 1];
    expect(s3?.healthcheck?.test.at(-1)).toBe(`http://127.0.0.1:7070${path}`);
    expect(s3?.command).not.toContain('--sidecar');
  });
});

describe('paths', () => {
  it('that are copied from the clone exist, and .dockerignore lets them through', () => {
    const sources = stages.flatMap((stage) => copiesOf(stage).flatMap(({ from, sources }) => (from ? [] : sources)));
    expect(sources).toContain('trainers/xgboost/requirements.lock');
    for (const source of sources) {
      expect(existsSync(join(packageRoot, source)), source).toBe(true);
      expect(isIgnored(source), source).toBe(false);
    }
  });

  it('that are copied between stages come from a stage above', () => {
    const names = stages.map(({ name }) => name);
    for (const [i, stage] of stages.entries()) {
      for (const { from } of copiesOf(stage)) if (from) expect(names.slice(0, i)).toContain(from);
    }
  });

  it('that hold secrets, data or local builds stay out of the image', () => {
    for (const path of [
      '.env',
      'docker/production.env',
      '.git/config',
      '.seawall/secrets.json',
      'node_modules/x',
      'dist',
    ])
      expect(isIgnored(path), path).toBe(true);
    expect(isIgnored('docker/health.mjs')).toBe(false);
    expect(isIgnored('trainers/xgboost/__pycache__/train.pyc')).toBe(true);
  });

  it('that are mounted from the clone exist, and volumes are declared', () => {
    for (const [name, { volumes = [] }] of Object.entries(compose.services)) {
      for (const [source = ''] of volumes.map((volume) => volume.split(':'))) {
        if (source.startsWith('./')) expect(existsSync(join(packageRoot, source)), `${name}: ${source}`).toBe(true);
        else expect(Object.keys(compose.volumes), name).toContain(source);
      }
    }
  });

  it('that our processes write to are volumes of their own', () => {
    const home = imageEnvironment(stages)['SEAWALL_HOME'];
    const daemons = own.filter(([name]) => name !== 'init');
    const mounts = daemons.map(([, { volumes = [] }]) => volumes);
    expect(mounts.every((volumes) => volumes.length === 1 && volumes[0]?.endsWith(`:${home}`))).toBe(true);
    expect(new Set(mounts.flat()).size).toBe(daemons.length);
  });

  it('that the scripts of the servers use are the tools of one release', () => {
    const tag = (name: string) => compose.services[name]?.image?.split(':')[1];
    expect(tag('temporal-schema')).toBe(tag('temporal'));
    expect(compose.services['temporal-schema']?.entrypoint).toEqual(['/bin/sh', '/etc/seawall/schema.sh']);
    const mounted = compose.services['temporal']?.volumes?.[0]?.split(':')[1];
    expect(compose.services['temporal']?.environment?.['DYNAMIC_CONFIG_FILE_PATH']).toBe(mounted);
    expect(parse(textOf('docker/temporal/dynamic-config.yaml'))).toHaveProperty(['limit.maxIDLength', 0, 'value'], 255);
  });
});

describe('versions and rights', () => {
  it('are pinned by tag, ours to the package, the S3 server to the one that everything else is tested with', () => {
    const { version, engines } = JSON.parse(textOf('package.json')) as { version: string; engines: { node: string } };
    for (const [name, { image = '' }] of Object.entries(compose.services)) expect(image, name).toMatch(/:v?\d+\.\d+/);
    expect(own.every(([, { image }]) => image === `seawall:${version}`)).toBe(true);
    const tested = /VERSITYGW_VERSION = '([\d.]+)'/.exec(textOf('scripts/lib/binaries.mjs'))?.[1];
    expect(compose.services['s3']?.image).toBe(`versity/versitygw:v${tested}`);
    expect(textOf('Dockerfile')).toMatch(new RegExp(`NODE_IMAGE=node:${engines.node.replace('>=', '')}\\.\\d+-`));
  });

  it('are few: no root, no writable system, no capability', () => {
    expect(lastOf(stages, 'USER')).toMatch(/^[1-9]\d*:[1-9]\d*$/);
    for (const [name, service] of own) {
      expect(service, name).toMatchObject({ init: true, read_only: true, cap_drop: ['ALL'] });
      expect(service.restart, name).toMatch(name === 'init' ? /^on-failure/ : /^unless-stopped$/);
    }
  });

  it('the trainer is installed from its lock, with hashes', () => {
    const trainer = stages.find(({ name }) => name === 'trainer')?.instructions ?? [];
    expect(trainer.some(({ name, text }) => name === 'RUN' && /pip install .*--require-hashes/.test(text))).toBe(true);
  });
});

describe('docs/deploy.md', () => {
  it('names every search attribute that a Temporal Cloud namespace must get by hand', () => {
    for (const [name, type] of Object.entries(searchAttributes)) {
      expect(textOf('docs/deploy.md')).toMatch(new RegExp(`\`${name}\`.*${type === 'INT' ? 'Int' : 'Keyword'}`));
    }
  });
});
