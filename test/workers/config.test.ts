import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { ensureSecrets } from '../../src/stack/secrets.js';
import { claimState, ownIdentity, type StackState } from '../../src/stack/state.js';
import { loadS3Config } from '../../src/workers/config.js';

let folder: string;
const home = () => join(folder, '.seawall');
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'seawall-config-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const state = (prefix: string, ownS3: boolean): StackState => ({
  kind: 'seawall.stack',
  schema: 1,
  supervisor: ownIdentity(),
  startedAt: '2026-11-25T00:00:00.000Z',
  ready: true,
  addresses: { temporal: '127.0.0.1:7233', s3: 'http://127.0.0.1:7070' },
  namespace: prefix,
  prefix,
  bucket: 'seawall',
  region: 'us-east-1',
  embedded: { temporal: ownS3, s3: ownS3 },
  children: [],
});

it('a demo that uses the S3 of the stack beside it is found with that one’s keys', () => {
  claimState(home(), 'stack.json', state('main', true));
  const keys = ensureSecrets(home());
  claimState(home(), 'demo.json', state('flights-1', false));
  expect(loadS3Config({}, folder)).toMatchObject({ ...keys, prefix: 'flights-1', source: 'demo' });
});

it('an S3 of somebody else’s needs keys from the environment', () => {
  claimState(home(), 'demo.json', state('flights-1', false));
  ensureSecrets(home());
  expect(() => loadS3Config({}, folder)).toThrow(/no keys for S3/);
});
