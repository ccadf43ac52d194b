/** docker-compose.yml by Compose's own loader: that it loads, and that it says what the other tests read in it. */
import { describe, expect, it } from 'vitest';
import { composeLoader, loadCanonical } from './compose-loader.js';
import { readCompose, seconds, SECRETS } from './files.js';

const loader = await composeLoader();
const why = 'missing' in loader ? ` (skipped: ${loader.missing})` : '';
const path = 'path' in loader ? loader.path : '';
const base = 'docker-compose.yml';
const ownTemporal = {
  ...SECRETS,
  TEMPORAL_ADDRESS: 'eu-central-1.aws.api.temporal.io:7233',
  TEMPORAL_NAMESPACE: 'models.a1b2c',
  TEMPORAL_API_KEY: 'test-api-key',
};
const ownS3 = {
  ...SECRETS,
  SEAWALL_S3_ENDPOINT: 'https://s3.eu-central-1.amazonaws.com',
  SEAWALL_S3_REGION: 'eu-central-1',
};

describe.skipIf(path === '')(`docker-compose.yml under Compose's own loader${why}`, () => {
  it('loads with every profile, and means what our plain reading of it says', async () => {
    const canonical = await loadCanonical(path, [base], SECRETS);
    const plain = readCompose();
    expect(Object.keys(canonical.services).sort()).toEqual(Object.keys(plain.services).sort());
    for (const [name, service] of Object.entries(canonical.services)) {
      const ours = plain.services[name];
      expect(service.command, name).toEqual(ours?.command ?? null);
      expect(service.entrypoint, name).toEqual(ours?.entrypoint ?? null);
      expect(service.environment ?? {}, name).toEqual(ours?.environment ?? {});
      expect(service.healthcheck?.test, name).toEqual(ours?.healthcheck?.test);
      expect(seconds(service.stop_grace_period), name).toBe(seconds(ours?.stop_grace_period));
    }
  });

  it('publishes nothing beyond the loopback unless a variable says so', async () => {
    const { services } = await loadCanonical(path, [base], SECRETS);
    const published = Object.values(services).flatMap(({ ports }) => ports ?? []);
    expect(published.map(({ host_ip }) => host_ip)).toEqual(published.map(() => '127.0.0.1'));
    expect(published.map(({ target }) => target).sort()).toEqual([7070, 7233, 8080, 8080]);
    const opened = await loadCanonical(path, [base], { ...SECRETS, SEAWALL_SERVING_BIND: '0.0.0.0' });
    expect(opened.services['serving']?.ports?.[0]?.host_ip).toBe('0.0.0.0');
    expect(opened.services['temporal']?.ports?.[0]?.host_ip).toBe('127.0.0.1');
  });

  it.each(Object.keys(SECRETS))('refuses to start without %s, and says where it goes', async (name) => {
    const message = new RegExp(`${name} is missing a value: set ${name} in .env`);
    await expect(loadCanonical(path, [base], { ...SECRETS, [name]: '' })).rejects.toThrow(message);
  });

  it('starts the GPU worker in its profile only, with the number of devices asked for', async () => {
    const names = async (profiles: string) =>
      Object.keys((await loadCanonical(path, [base], SECRETS, profiles)).services);
    expect(await names('cpu')).toContain('cpu-worker');
    expect(await names('cpu')).not.toContain('gpu-worker');
    expect(await names('gpu')).not.toContain('cpu-worker');
    const { services } = await loadCanonical(path, [base], { ...SECRETS, SEAWALL_GPU_COUNT: '4' }, 'gpu');
    const { devices } = services['gpu-worker']?.deploy?.resources.reservations ?? {};
    expect(devices).toEqual([{ driver: 'nvidia', count: 4, capabilities: ['gpu'] }]);
  });

  it('runs against a Temporal of your own: that of docker-compose.yml is gone, and every process has the address and key', async () => {
    const { services } = await loadCanonical(path, [base, 'docker/compose.temporal.yml'], ownTemporal, 'cpu');
    const own = ['cpu-worker', 'init', 'loop-worker', 'serving'];
    expect(Object.keys(services).sort()).toEqual([...own, 's3'].sort());
    for (const name of own) expect(services[name]?.environment).toMatchObject(pick(ownTemporal, /^TEMPORAL_/));
    expect(Object.keys(services['init']?.depends_on ?? {})).toEqual(['s3']);
  });

  it('runs against any S3, alone or together with a Temporal of your own', async () => {
    const files = [base, 'docker/compose.temporal.yml', 'docker/compose.s3.yml'];
    const s3 = await loadCanonical(path, [base, 'docker/compose.s3.yml'], ownS3, 'gpu');
    expect(Object.keys(s3.services)).not.toContain('s3');
    expect(Object.keys(s3.services['init']?.depends_on ?? {})).toEqual(['temporal']);
    const both = await loadCanonical(path, files, { ...ownTemporal, ...ownS3 }, 'gpu');
    expect(Object.keys(both.services).sort()).toEqual(['gpu-worker', 'init', 'loop-worker', 'serving']);
    for (const { environment } of Object.values(both.services)) {
      expect(environment).toMatchObject({
        AWS_ENDPOINT_URL_S3: ownS3.SEAWALL_S3_ENDPOINT,
        AWS_REGION: ownS3.SEAWALL_S3_REGION,
        TEMPORAL_ADDRESS: ownTemporal.TEMPORAL_ADDRESS,
      });
    }
  });
});

function pick(from: Record<string, string>, names: RegExp): Record<string, string> {
  return Object.fromEntries(Object.entries(from).filter(([name]) => names.test(name)));
}
