/** Start-up checks: may we, does the store keep its promises, and is this prefix ours? */
import { randomUUID } from 'node:crypto';
import { SeawallError, keys, type RootRecord } from '../../contracts/index.js';
import { createJson, jsonBytes, readJson } from './json-store.js';
import type { Condition, S3 } from './s3.js';

const RACERS = 4;
const UPDATES_PER_RACER = 5;

/** Throws `AccessDenied`, `NotFound` (no bucket) or `Unavailable` when the store cannot be used. */
export async function checkAccess(s3: S3): Promise<void> {
  for await (const _ of s3.list('', undefined, 1)) return;
}

/**
 * Binds the prefix to a Temporal namespace, once; throws `BadInput` when it belongs to another one.
 * Workflow ids are unique per namespace only: two namespaces over one prefix would write each other's numbers.
 */
export async function openWorkspace(s3: S3, namespace: string): Promise<RootRecord> {
  const mine: RootRecord = { kind: 'seawall', schema: 1, namespace, createdAt: new Date().toISOString() };
  const stored = await readJson<RootRecord>(s3, keys.root);
  if (!stored && (await createJson(s3, keys.root, mine)) === 'created') return mine;
  const root = stored?.value ?? (await readJson<RootRecord>(s3, keys.root))?.value;
  if (root?.kind === 'seawall' && root.namespace === namespace) return root;
  throw new SeawallError(
    'BadInput',
    `${s3.name(keys.root)} says that this prefix belongs to the Temporal namespace "${root?.namespace}", not to "${namespace}"`,
    'Choose another prefix for this namespace, or connect to the namespace that the prefix belongs to.',
  );
}

/**
 * Proves on a scratch key that `If-None-Match: *` and `If-Match` refuse what they must, also when several write at once:
 * some S3 stores ignore the headers, and then two runs could get one number. Throws `BadInput` when they do.
 */
export async function verifyConditionalWrites(s3: S3): Promise<void> {
  const key = `checks/${randomUUID()}.json`;
  const document = (text: string): Buffer => jsonBytes({ kind: 'check', schema: 1, text });
  try {
    const racers = await Promise.all(
      ['a', 'b', 'c', 'd'].map((text) => s3.write(key, document(text), { ifAbsent: true })),
    );
    const first = await s3.read(key);
    // None at all is possible where the winner's answer was lost; the object tells.
    if (racers.filter((result) => result === 'written').length > 1 || !first) throw ignored(s3, 'If-None-Match: *');
    await mustRefuse(s3, key, document('second'), { ifAbsent: true }, 'If-None-Match: *');
    await mustRefuse(s3, key, document('third'), { ifMatch: '"00000000000000000000000000000000"' }, 'If-Match');
    const moved = document('moved');
    if ((await s3.write(key, moved, { ifMatch: first.etag })) === 'refused' && !(await holds(s3, key, moved)))
      throw ignored(s3, 'If-Match with the right ETag');
    await mustRefuse(s3, key, document('late'), { ifMatch: first.etag }, 'If-Match');
    if (!(await holds(s3, key, moved))) throw ignored(s3, 'If-Match');
    await verifyNoLostUpdates(s3, key);
  } finally {
    await s3.remove(key);
  }
}

interface Tokens {
  kind: 'check';
  schema: 1;
  tokens?: string[];
}

/**
 * Several writers add to one document by `If-Match`, as the pointer's movers do. A store that publishes an object and its
 * ETag in two steps passes the sequential checks and loses updates here (versitygw 1.8.0 with `--sidecar` does).
 */
async function verifyNoLostUpdates(s3: S3, key: string): Promise<void> {
  const mine = Array.from({ length: RACERS }, (_, racer) =>
    Array.from({ length: UPDATES_PER_RACER }, (_, n) => `${racer}-${n}`),
  );
  const updates = Promise.all(
    mine.map(async (tokens) => {
      for (const token of tokens) await addToken(s3, key, token);
    }),
  );
  await updates.catch((error: unknown) => {
    // Content and digest of two different writes: nobody else knows this key.
    if (error instanceof SeawallError && error.type === 'Corrupt')
      throw ignored(s3, 'If-Match (under concurrent writes)');
    throw error;
  });
  const kept = new Set((await readJson<Tokens>(s3, key))?.value.tokens);
  if (mine.flat().some((token) => !kept.has(token))) throw ignored(s3, 'If-Match (under concurrent writes)');
}

async function addToken(s3: S3, key: string, token: string): Promise<void> {
  for (let tries = 0; tries < 100; tries++) {
    const stored = await readJson<Tokens>(s3, key);
    const tokens = stored?.value.tokens ?? [];
    if (!stored || tokens.includes(token)) return;
    const next: Tokens = { kind: 'check', schema: 1, tokens: [...tokens, token] };
    if ((await s3.write(key, jsonBytes(next), { ifMatch: stored.etag })) === 'written') return;
  }
}

async function mustRefuse(s3: S3, key: string, bytes: Buffer, condition: Condition, header: string): Promise<void> {
  if ((await s3.write(key, bytes, condition)) !== 'refused') throw ignored(s3, header);
}

const holds = async (s3: S3, key: string, bytes: Buffer): Promise<boolean> =>
  (await s3.read(key))?.bytes.equals(bytes) ?? false;

const ignored = (s3: S3, header: string): SeawallError =>
  new SeawallError(
    'BadInput',
    `the store of ${s3.name('')} does not honour "${header}" on PUT`,
    'Use a store (or a version of it) with conditional writes: Amazon S3, versitygw, MinIO, Ceph and others have them.',
  );
