/** Late labels: the verdict on a window is provisional until enough have come, or no more are waited for. */
import { type MonitorReport, type OpenWindow, SeawallError } from '../../contracts/index.js';
import type { Look, WindowPerformance } from './ports.js';
import { deadlinePassed, reportKey, statusOf, storedReport, storeReport } from './reports.js';
import { maturityOf } from './windows.js';

/**
 * How many label objects an open window has not looked at; null when there is nothing to look for: they are those of the last
 * look (also of one that changed nothing), and more are waited for. Infinite when its deadline has passed: its last look ends it.
 */
export async function unreadOf(look: Look, open: OpenWindow): Promise<number | null> {
  if (deadlinePassed(look, open)) return Infinity;
  const labelKeys = await look.reader.labelKeys(open, look.config.config.label.deadlineMs);
  return Math.abs(labelKeys.length - open.labelObjects) || null;
}

/**
 * The next revision of an open window's report, when its labels or its status have changed. Checks and drift stand as they
 * were first reported; predictions that came after the allowed lateness only count for maturity and quality.
 * @returns the window's label objects as they are now, and the report if there is a new one
 */
export async function revisionOf(
  look: Look,
  open: OpenWindow,
): Promise<{ report: MonitorReport | null; labelObjects: number }> {
  const { ports, model, config, reader } = look;
  const window = { from: open.from, to: open.to };
  const labelKeys = await reader.labelKeys(window, config.config.label.deadlineMs);
  const labelObjects = labelKeys.length;
  // A call before this one may have written it and died before it could say so.
  const written = await storedReport(ports.json, model, window, open.revision + 1);
  if (written) return { report: written, labelObjects: written.labelObjects };
  const previous = await previousReport(look, open);
  const labels = await ports.logs.performance({
    predictions: await reader.download(await reader.predictionKeys(window)),
    labels: await reader.download(labelKeys),
    window,
  });
  const next = revised(look, previous, labels, labelObjects);
  if (!changed(previous, next)) return { report: null, labelObjects };
  return { report: await storeReport(ports.json, next), labelObjects };
}

async function previousReport({ ports, model }: Look, open: OpenWindow): Promise<MonitorReport> {
  const previous = await storedReport(ports.json, model, open, open.revision);
  if (previous) return previous;
  throw new SeawallError(
    'NotFound',
    `The report ${reportKey(model, open, open.revision)} is gone, which late labels would revise.`,
    'Restore it from a backup of the bucket, or terminate and start the model loop: it reads anew what is there.',
  );
}

function revised(look: Look, previous: MonitorReport, labels: WindowPerformance, labelObjects: number): MonitorReport {
  const revision = previous.revision + 1;
  const labelMaturity = maturityOf(labels);
  return {
    ...previous,
    revision,
    causeId: `window/${previous.window.from}_${previous.window.to}/rev-${revision}`,
    status: statusOf(look, previous.window, labels.rows, labelMaturity),
    at: look.now,
    rows: labels.rows,
    configDigest: look.config.digest,
    labelMaturity,
    performance: labels.performance,
    labelObjects,
  };
}

/** Performance is computed in a fixed order, so equal labels give equal bits and a comparison can be exact. */
function changed(before: MonitorReport, after: MonitorReport): boolean {
  const content = ({ status, labelMaturity, performance }: MonitorReport): string =>
    JSON.stringify([status, labelMaturity, performance && Object.entries(performance).sort()]);
  return content(before) !== content(after);
}
