/** Digests of local files that were hashed before, so that a folder of which little has changed is not read as a whole again. */
import { appendFileSync, mkdirSync, readFileSync, rmSync, statSync, type BigIntStats } from 'node:fs';
import { dirname } from 'node:path';
import type { Sha256 } from '../../contracts/index.js';
import { bootId } from '../process-identity.js';

/** Which file, and what changes with every writing to it. The time of the inode's change cannot be set by a program. */
export interface FileStamp {
  /** Device and inode. */
  id: string;
  /** Size, time of change, time of the inode's change. */
  state: string;
}
export interface KnownDigests {
  of(stamp: FileStamp): Sha256 | undefined;
  add(stamp: FileStamp, sha256: Sha256): void;
  /** For later processes of this host. */
  keep(): void;
}

export const stampOf = ({ dev, ino, size, mtimeNs, ctimeNs }: BigIntStats): FileStamp => ({
  id: `${dev}/${ino}`,
  state: `${size}/${mtimeNs}/${ctimeNs}`,
});

const MS = 1_000_000n;
/** Time stamps come from a clock that ticks some hundred times a second; where they are whole seconds, from one that ticks each second or two. */
const TICK_NS = 100n * MS;
const COARSE_TICK_NS = 2_000n * MS;

/**
 * Whether every writing from now on changes the file's stamp. One within the clock tick of the last would not: a file that was
 * written to so lately, or at a time that is still to come, is hashed again the next time.
 */
export function isSettled({ mtimeNs, ctimeNs }: BigIntStats, nowMs: number): boolean {
  const latest = mtimeNs > ctimeNs ? mtimeNs : ctimeNs;
  const coarse = mtimeNs % (1_000n * MS) === 0n || ctimeNs % (1_000n * MS) === 0n;
  return BigInt(nowMs) * MS - latest > (coarse ? COARSE_TICK_NS : TICK_NS);
}

/** Above it the log is begun anew: what is forgotten is hashed once more. */
const LOG_MAX_BYTES = 64 << 20;

/** Reads what earlier processes have kept in `log`; it counts until the machine is started again, since a crash forgets writes. */
export function openKnownDigests(log: string): KnownDigests {
  const boot = bootId();
  const known = boot === undefined ? new Map<string, { state: string; sha256: Sha256 }>() : readLog(log, boot);
  let unkept: string[] = [];
  return {
    of: ({ id, state }) => {
      const found = known.get(id);
      return found?.state === state ? found.sha256 : undefined;
    },
    add: ({ id, state }, sha256) => {
      known.set(id, { state, sha256 });
      unkept.push(`${boot}\t${id}\t${state}\t${sha256}\n`);
    },
    keep: () => {
      const lines = unkept.join('');
      unkept = [];
      if (boot === undefined || lines === '') return;
      try {
        mkdirSync(dirname(log), { recursive: true });
        if ((statSync(log, { throwIfNoEntry: false })?.size ?? 0) > LOG_MAX_BYTES) rmSync(log, { force: true });
        appendFileSync(log, lines);
      } catch {
        // A commit does not fail because the next one will have to read everything.
      }
    },
  };
}

function readLog(log: string, boot: string): Map<string, { state: string; sha256: Sha256 }> {
  const known = new Map<string, { state: string; sha256: Sha256 }>();
  let text = '';
  try {
    text = readFileSync(log, 'utf8');
  } catch {
    return known; // the first process here
  }
  for (let from = 0, to = 0; from < text.length; from = to + 1) {
    to = text.indexOf('\n', from);
    if (to === -1) to = text.length;
    const line = text.slice(from, to);
    // A line that was cut off, or has swallowed the next one, does not have this form.
    const [of, id, state, sha256, ...rest] = line.split('\t');
    if (of !== boot || id === undefined || state === undefined || rest.length > 0) continue;
    if (/^[0-9a-f]{64}$/.test(sha256 ?? '')) known.set(id, { state, sha256: sha256 as Sha256 });
  }
  return known;
}
