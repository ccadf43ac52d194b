/** Deploy: an approved challenger becomes a release, and the live pointer names it. And the way back. */
import { mkdir, rm, stat } from 'node:fs/promises';
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import {
  type BlobRef,
  type DeployInput,
  type Evidence,
  keys,
  type LivePointer,
  type PointerMove,
  type PointerResult,
  type ReferenceProfile,
  type ReleaseRecord,
  type RollbackInput,
  type RunPlan,
  SeawallError,
} from '../contracts/index.js';
import { judgePromotion } from '../domain/decisions/promotion.js';
import { beating } from './heartbeat.js';
import { patient } from './outage.js';
import type { BlobStore, JsonStore, PointerStore, RecordStore } from './ports.js';
import { notFound, readRelease, rollbackTarget } from './rollback-target.js';
import { newestRecord, readPlan, taken } from './run.js';

export interface DeployPorts {
  json: JsonStore;
  blobs: BlobStore;
  records: RecordStore;
  pointers: PointerStore;
  /** A local folder for the bytes that are compared one last time. */
  tempDir: string;
}

export type DeployActivities = ReturnType<typeof createDeployActivities>;

export function createDeployActivities(ports: DeployPorts) {
  return {
    /**
     * Moves the pointer to the challenger, once. Every call with the same `moveId` gets the result of the one move.
     * @throws SeawallError `PointerMoved`; `RunNumberTaken`: the run has ended meanwhile; `BadInput` when evaluated, approved and
     * deployed are not the same bytes: nothing moved
     */
    deploy: (input: DeployInput): Promise<PointerResult> =>
      beating(
        () => null,
        (signal) => deploy(patientPorts(ports, signal), input, signal),
      ),

    /**
     * Moves the pointer back to a release.
     * @throws SeawallError `PointerMoved`; `NotFound`: no champion, no such release, or none before this one; `BadInput`: it serves
     * now, or never did
     */
    rollback: (input: RollbackInput): Promise<PointerResult> =>
      beating(
        () => null,
        (signal) => rollback(patientPorts(ports, signal), input, signal),
      ),
  };
}

/** Outages are waited out, and damage at rest is final. Not the pointer's moves: they have their own rules for a second try. */
function patientPorts(ports: DeployPorts, signal: AbortSignal): DeployPorts {
  const { json, blobs, records } = ports;
  return { ...ports, json: patient(json, signal), blobs: patient(blobs, signal), records: patient(records, signal) };
}

// ── Forward ─────────────────────────────────────────────────────────────────────────────────────────────────────────

async function deploy(ports: DeployPorts, input: DeployInput, signal: AbortSignal): Promise<PointerResult> {
  const { model, n, challenger, approval, moveId, expectedEpoch } = input;
  const pointer = await ports.pointers.read(model);
  const done = pointer && moveOf(pointer, moveId);
  if (done) return resultOf(await sameArtifact(ports.records, model, done, challenger), done);
  requireEpoch(model, pointer, expectedEpoch);
  const evidence = await readEvidence(ports.blobs, input);
  const plan = await requireAgreement(ports, input, evidence);
  await verifyBlob(ports, challenger, `the challenger of run ${n}`, signal);
  await requireOpen(ports.json, input, signal);
  const make = (seq: number): ReleaseRecord => releaseOf(input, evidence, seq);
  // The champion of the plan was released before this run began, so this run's release lies above it.
  const above = plan.champion?.release ?? 0;
  const release = await ports.records.append<ReleaseRecord>(keys.releases(model), moveId, make, above);
  if (release.artifact.sha256 !== challenger.sha256) throw otherArtifact(release, challenger);
  await requireOpen(ports.json, input, signal);
  const moved = await ports.pointers.move(model, {
    moveId,
    release: release.release,
    sha256: challenger.sha256,
    expectedEpoch,
    by: approval.by,
    reason: approval.reason ?? `run ${n}`,
    at: new Date().toISOString(),
  });
  return resultOf(release, moveOf(moved, moveId) ?? lostMove(model, moveId));
}

/**
 * A workflow that is terminated does not stop its step. What was told to stop, or has been recorded as ended by the loop, must not
 * release any more, or the record would be wrong about it for ever.
 */
async function requireOpen(json: JsonStore, { model, n }: DeployInput, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  const outcome = (await newestRecord(json, model, n))?.outcome;
  if (outcome) throw taken(model, n, `has already ended (${outcome.kind}: ${outcome.text}): it is not released`);
}

function releaseOf(
  { model, n, challenger, evidence, approval, moveId }: DeployInput,
  seen: Evidence,
  seq: number,
): ReleaseRecord {
  return {
    kind: 'release',
    schema: 1,
    seq,
    causeId: moveId,
    model,
    release: seq,
    artifact: challenger,
    dataset: seen.dataset,
    run: n,
    reference: seen.reference,
    holdout: seen.holdout.sha256,
    evidence,
    approval,
    at: new Date().toISOString(),
  };
}

async function readEvidence(blobs: BlobStore, { evidence, n }: DeployInput): Promise<Evidence> {
  const read = await blobs.readJson<Partial<Evidence>>(evidence);
  if (read.kind !== 'evidence' || read.schema !== 1)
    throw disagree(`${evidence} is not the evidence of an evaluation`, n);
  return read as Evidence;
}

/** Evaluated, approved and deployed must be the same bytes; this is the last one who compares. Returns the run's plan. */
async function requireAgreement(ports: DeployPorts, input: DeployInput, evidence: Evidence): Promise<RunPlan> {
  const { model, n, challenger, approval } = input;
  const problem = (text: string): SeawallError => disagree(text, n);
  if (evidence.model !== model || evidence.n !== n)
    throw problem(`the evidence is that of run ${evidence.n} of "${evidence.model}", not of run ${n} of "${model}"`);
  if (evidence.challenger.sha256 !== challenger.sha256 || evidence.challenger.size !== challenger.size)
    throw problem(`${evidence.challenger.sha256} was evaluated, but ${challenger.sha256} is to be released`);
  if (approval.verdict !== 'approved' && approval.verdict !== 'automatic')
    throw problem(`the verdict is "${approval.verdict}", by ${approval.by}`);
  if (approval.challenger !== challenger.sha256)
    throw problem(`${approval.challenger} was approved, but ${challenger.sha256} is to be released`);
  if (approval.evidence !== input.evidence)
    throw problem(`it was approved on the evidence ${approval.evidence}, not ${input.evidence}`);
  if (!evidence.promotion.promote) throw problem(`the evaluation refused it: ${evidence.promotion.text}`);
  const plan = await readPlan(ports.json, model, n);
  const { promotion, approval: rule } = plan.config;
  const { approval: who } = judgePromotion(evidence.summary, promotion, rule);
  if (approval.verdict === 'automatic' && who === 'person') throw problem('a person must approve it, and none did');
  // What the monitor will compare with must be there before the champion is.
  await ports.blobs.readJson<ReferenceProfile>(evidence.reference);
  return plan;
}

function disagree(text: string, n: number): SeawallError {
  return new SeawallError('BadInput', `Run ${n} is not released: ${text}`, 'Nothing was moved. Start a new run.');
}

async function sameArtifact(
  records: RecordStore,
  model: string,
  { release, moveId }: PointerMove,
  challenger: BlobRef,
): Promise<ReleaseRecord> {
  const record = await readRelease(records, model, release);
  if (record.causeId !== moveId || record.artifact.sha256 !== challenger.sha256)
    throw otherArtifact(record, challenger);
  return record;
}

function otherArtifact({ release, artifact, causeId }: ReleaseRecord, challenger: BlobRef): SeawallError {
  return new SeawallError(
    'BadInput',
    `The move ${causeId} is that of release ${release} with ${artifact.sha256}, not of ${challenger.sha256}`,
    'Nothing was moved. Start a new run: a run releases one model.',
  );
}

// ── Back ────────────────────────────────────────────────────────────────────────────────────────────────────────────

async function rollback(ports: DeployPorts, input: RollbackInput, signal: AbortSignal): Promise<PointerResult> {
  const { model, moveId, expectedEpoch, by, reason } = input;
  const pointer = await ports.pointers.read(model);
  if (!pointer) throw notFound(`"${model}" has no champion`, 'There is nothing to roll back: train a first model.');
  const done = moveOf(pointer, moveId);
  if (done) return resultOf(await readRelease(ports.records, model, done.release), done);
  requireEpoch(model, pointer, expectedEpoch);
  const release = await rollbackTarget(ports, pointer, input);
  await verifyBlob(ports, release.artifact, `release ${release.release}`, signal);
  const moved = await ports.pointers.move(model, {
    moveId,
    release: release.release,
    sha256: release.artifact.sha256,
    expectedEpoch,
    by,
    reason: reason ?? `rollback from release ${pointer.champion.release}`,
    at: new Date().toISOString(),
  });
  return resultOf(release, moveOf(moved, moveId) ?? lostMove(model, moveId));
}

// ── Both ────────────────────────────────────────────────────────────────────────────────────────────────────────────

const moveOf = ({ moves }: LivePointer, moveId: string): PointerMove | undefined =>
  moves.find((move) => move.moveId === moveId);

function resultOf({ release, artifact }: ReleaseRecord, move: PointerMove): PointerResult {
  return { release, sha256: artifact.sha256, epoch: move.epoch };
}

function requireEpoch(model: string, pointer: LivePointer | undefined, expected: number): void {
  const epoch = pointer?.epoch ?? 0;
  if (epoch === expected) return;
  const last = pointer?.moves.at(-1);
  const who = last ? ` (release ${last.release} by ${last.by}: ${last.reason})` : '';
  throw new SeawallError(
    'PointerMoved',
    `The live pointer of "${model}" is at epoch ${epoch}, not ${expected}${who}`,
    'Nothing was moved. Compare with the champion that serves now: start a new run, or roll back again.',
  );
}

/** Fetches the bytes and compares them, which is the only proof that they are there and right. */
async function verifyBlob(
  ports: DeployPorts,
  { sha256, size }: BlobRef,
  what: string,
  signal: AbortSignal,
): Promise<void> {
  const path = join(ports.tempDir, `verify-${randomUUID()}`);
  await mkdir(ports.tempDir, { recursive: true });
  try {
    await ports.blobs.fetchTo(sha256, path, signal);
    const found = await stat(path);
    if (found.size !== size) {
      throw new SeawallError(
        'BadInput',
        `The model of ${what} has ${found.size} bytes, not ${size}`,
        'Nothing was moved.',
      );
    }
  } finally {
    await rm(path, { force: true });
  }
}

function lostMove(model: string, moveId: string): never {
  throw new SeawallError(
    'Conflict',
    `The move ${moveId} of "${model}" is not in the pointer it made`,
    'It is tried again.',
  );
}
