/** The root keys of the embedded S3: made once per folder, readable by the owner only. */
import { randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export interface S3Keys {
  accessKeyId: string;
  secretAccessKey: string;
}

export function readSecrets(homeDir: string): S3Keys | undefined {
  try {
    const { s3 } = JSON.parse(readFileSync(join(homeDir, 'secrets.json'), 'utf8')) as { s3?: Partial<S3Keys> };
    return s3?.accessKeyId && s3.secretAccessKey ? (s3 as S3Keys) : undefined;
  } catch {
    return undefined;
  }
}

export function ensureSecrets(homeDir: string): S3Keys {
  const kept = readSecrets(homeDir);
  if (kept) return kept;
  const s3 = {
    accessKeyId: `seawall${randomBytes(6).toString('hex')}`,
    secretAccessKey: randomBytes(24).toString('hex'),
  };
  mkdirSync(homeDir, { recursive: true });
  writeFileSync(join(homeDir, 'secrets.json'), `${JSON.stringify({ kind: 'seawall.secrets', schema: 1, s3 })}\n`, {
    mode: 0o600,
  });
  return s3;
}
