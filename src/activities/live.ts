/** The champion as the live pointer tells of it. */
import type { Champion, LivePointer } from '../contracts/index.js';

export function championOf({ champion, epoch, moves }: LivePointer): Champion {
  const last = moves.at(-1);
  return { ...champion, epoch, ...(last ? { since: last.at, by: last.by } : {}) };
}
