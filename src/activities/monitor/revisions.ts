/** Windows that are monitored already: labels arrive late, predictions too, and broken data are repaired. */
import { canonicalJson, type MonitorReport, type OpenWindow, SeawallError } from '../../contracts/index.js';
import type { Look } from './ports.js';
import { deadlinePassed, reportOn } from './reports.js';
import { sightOf } from './sight.js';
import { reportKey, storedReport, storeReport } from './stored.js';

/**
 * How many objects of an open window have not been looked at; null when there is nothing to look for: they are those of the last
 * look (also of one that changed nothing), and more are waited for. Infinite when its deadline has passed: its last look ends it.
 */
export async function unreadOf(look: Look, open: OpenWindow): Promise<number | null> {
  if (deadlinePassed(look, open)) return Infinity;
  const { labels, seen } = await sightOf(look, open);
  return seen === open.seen ? null : Math.max(1, Math.abs(labels.length - open.labelObjects));
}

export interface Revised {
  /** null: nothing has changed but the objects. */
  report: MonitorReport | null;
  labelObjects: number;
  seen: string;
}

/** The next revision of an open window's report, when what it says has changed. Every revision is kept. */
export async function revisionOf(look: Look, { from, to, revision }: OpenWindow): Promise<Revised> {
  const { ports, model } = look;
  const window = { from, to };
  // A call before this one may have written it and died before it could say so.
  const written = await storedReport(ports.json, model, window, revision + 1);
  if (written) return revised(written, written);
  const before = await previousReport(look, { ...window, revision });
  const next = await reportOn(look, window, before);
  return revised(next, changed(before, next) ? await storeReport(ports.json, next) : null);
}

const revised = ({ labelObjects, seen }: MonitorReport, report: MonitorReport | null): Revised => ({
  report,
  labelObjects: report?.labelObjects ?? labelObjects,
  seen: report?.seen ?? seen,
});

async function previousReport(
  { ports, model }: Look,
  open: Pick<OpenWindow, 'from' | 'to' | 'revision'>,
): Promise<MonitorReport> {
  const previous = await storedReport(ports.json, model, open, open.revision);
  if (previous) return previous;
  throw new SeawallError(
    'NotFound',
    `The report ${reportKey(model, open, open.revision)} is gone, which late labels would revise.`,
    'Restore it from a backup of the bucket, or terminate and start the model loop: it reads anew what is there.',
  );
}

/** Equal rows give equal bits in whatever order they came, so a comparison can be exact. */
function changed(before: MonitorReport, after: MonitorReport): boolean {
  const content = ({ status, labelMaturity, performance, arms, stored, feed, checks }: MonitorReport): string =>
    canonicalJson([status, labelMaturity, performance, arms, stored.profile, feed, checks]);
  return content(before) !== content(after);
}
