/** New windows: which are due, and the first report of each. */
import {
  type FeatureType,
  keys,
  type MonitorReport,
  type ReferenceProfile,
  type ReleaseRecord,
  SeawallError,
  toIso,
  type Window,
} from '../../contracts/index.js';
import { checkWindow } from '../../domain/decisions/checks.js';
import { psi } from '../../domain/decisions/psi.js';
import type { ExpectedColumn, WindowProfile } from '../../domain/decisions/window-profile.js';
import type { Look, WindowPerformance } from './ports.js';
import { statusOf, storedReport, storeReport } from './reports.js';

/**
 * Windows lie on a grid from the anchor on. The next one is the first at or after the end of the newest monitored; a changed
 * grid leaves a gap rather than monitor an hour twice. The first of all: with the feed's clock at the anchor; with the wall
 * clock the one in which the first model went live, because before that silence was no incident.
 */
export function firstWindowFromMs({ config, pointer }: Look, monitoredTo: string | null): number {
  const { anchor, everyMs } = config.config.windows;
  const anchorMs = Date.parse(anchor);
  if (monitoredTo !== null)
    return anchorMs + Math.max(0, Math.ceil((Date.parse(monitoredTo) - anchorMs) / everyMs)) * everyMs;
  const wentLive = pointer.moves[0]?.at;
  if (config.config.clock === 'feed' || wentLive === undefined) return anchorMs;
  return anchorMs + Math.max(0, Math.floor((Date.parse(wentLive) - anchorMs) / everyMs)) * everyMs;
}

/** At most `limit` windows whose end, plus the allowed lateness, has passed. */
export function dueWindows({ config, now }: Look, fromMs: number, limit: number): Window[] {
  const { everyMs, allowedLatenessMs } = config.config.windows;
  const due: Window[] = [];
  for (let from = fromMs; due.length < limit; from += everyMs) {
    if (Date.parse(now) < from + everyMs + allowedLatenessMs) break;
    due.push({ from: toIso(from), to: toIso(from + everyMs) });
  }
  return due;
}

/** The window's first report: profile, checks, drift, and quality as far as labels are there already. */
export async function monitorWindow(look: Look, window: Window): Promise<MonitorReport> {
  const { ports, model, config, reader } = look;
  const stored = await storedReport(ports.json, model, window, 1);
  if (stored) return stored;
  const { release, reference } = await championReference(look);
  const predictions = await reader.download(await reader.predictionKeys(window));
  const profile = await ports.logs.profileWindow({
    files: predictions,
    window,
    columns: reference.columns.map((column) => expectedColumn(look, column)),
    score: reference.prediction,
  });
  const labelKeys = await reader.labelKeys(window, config.config.label.deadlineMs);
  const labels: WindowPerformance =
    profile.rows === 0 || labelKeys.length === 0
      ? { rows: profile.rows, labelled: 0, performance: null }
      : await ports.logs.performance({ predictions, labels: await reader.download(labelKeys), window });
  const labelMaturity = maturityOf(labels);
  return storeReport(ports.json, {
    kind: 'monitor-report',
    schema: 1,
    model,
    window,
    revision: 1,
    causeId: `window/${window.from}_${window.to}/rev-1`,
    status: statusOf(look, window, profile.rows, labelMaturity),
    at: look.now,
    configDigest: config.digest,
    rows: profile.rows,
    duplicates: profile.duplicates,
    servedBy: profile.servedBy,
    referenceRelease: release,
    referencePerformance: reference.performance,
    checks: checkWindow(profile, reference, config.config.monitor),
    drift: driftOf(look, profile, reference),
    labelMaturity,
    performance: labels.performance,
    labelObjects: labelKeys.length,
  });
}

export const maturityOf = ({ rows, labelled }: WindowPerformance): number => (rows === 0 ? 0 : labelled / rows);

/** What the champion was accepted on. */
async function championReference({
  ports,
  model,
  pointer,
}: Look): Promise<{ release: number; reference: ReferenceProfile }> {
  const { release } = pointer.champion;
  const record = await ports.records.read<ReleaseRecord>(keys.releases(model), release);
  if (!record) {
    throw new SeawallError(
      'NotFound',
      `Release ${release} of ${model} is live, but ${keys.releases(model)} has no record of it: there is no reference to monitor against.`,
      'Restore the record from a backup of the bucket, or roll back to a release that has one.',
    );
  }
  return { release, reference: await ports.blobs.readJson<ReferenceProfile>(record.reference) };
}

/**
 * The champion's columns are expected, not those of the newest configuration: a feature that was added there appears in the
 * logs only after a model uses it, and must not block the retraining that would.
 */
function expectedColumn({ config }: Look, reference: ReferenceProfile['columns'][number]): ExpectedColumn {
  const configured = config.config.features.find(({ name }) => name === reference.name)?.type;
  const number: FeatureType = configured === 'int64' ? 'int64' : 'float32';
  return { name: reference.name, type: reference.kind === 'categorical' ? 'string' : number, reference };
}

function driftOf(look: Look, profile: WindowProfile, reference: ReferenceProfile): MonitorReport['drift'] {
  const enough = profile.rows >= look.config.config.monitor.minRows;
  return {
    columns: profile.columns.map((column, index) => ({
      column: column.name,
      kind: column.profile.kind,
      psi: enough ? psi(reference.columns[index]!, column.profile) : null,
    })),
    prediction: enough ? psi(reference.prediction, profile.score.profile) : null,
  };
}
