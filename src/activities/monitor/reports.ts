/** Reports: what one look at a window comes to, as it is stored and handed on. */
import type {
  ColumnDrift,
  Estimate,
  MonitorReport,
  OpenWindow,
  ReferenceProfile,
  ReportSummary,
  SeenObjects,
  TableProfile,
  Window,
} from '../../contracts/index.js';
import { checkWindow } from '../../domain/decisions/checks.js';
import { DRIFT_POLICY, driftOf } from '../../domain/decisions/drift/column.js';
import { isDriftJudgeable } from '../../domain/decisions/gate-drift.js';
import { estimatePerformance } from '../../domain/decisions/performance/estimate.js';
import { performanceOf } from '../../domain/decisions/performance/performance.js';
import { reportText } from '../../domain/decisions/report-text.js';
import { nameOf } from './logs.js';
import type { Look, WindowReading } from './ports.js';
import { qualityOf } from './quality.js';
import { championReference, expectedColumns, readReference, type Reference } from './reference.js';
import { expectedVolume, readLabels, readPredictions, type ReadWindow, type Sight, sightOf } from './sight.js';
import { reportKey } from './stored.js';

type Counted = Pick<MonitorReport, 'rows' | 'lateRows' | 'feed' | 'expected' | 'servedBy' | 'checks' | 'estimate'> & {
  drift: Omit<MonitorReport['drift'], 'label'>;
};

/**
 * The window's next report. What has not changed since `before` is taken from there: predictions that are the same are not read
 * again, nor are labels. A window is always held against the reference of its first report.
 */
export async function reportOn(look: Look, window: Window, before: MonitorReport | null): Promise<MonitorReport> {
  const { ports, model, config } = look;
  const sight = await sightOf(look, window);
  const revision = (before?.revision ?? 0) + 1;
  if (before?.seen === sight.seen) return sameAgain(look, before, revision);
  const reference = before
    ? await readReference(look, before.referenceRelease as number, before.stored.reference)
    : await championReference(look);
  const kept = before && (await keptPredictions(look, sight, before));
  const read = kept?.read ?? (await readPredictions(look, window, sight, reference));
  const counted = kept?.counted ?? (await countedNow(look, window, read.reading as WindowReading, reference, before));
  const labels = await readLabels(look, window, sight, read, reference, before);
  const labelMaturity = counted.rows === 0 ? 0 : (labels?.reading.labelled ?? 0) / counted.rows;
  const { quality } = reference.value.profile;
  const objects: SeenObjects = {
    kind: 'seen-objects',
    schema: 1,
    predictions: sight.predictions.map(nameOf),
    labels: sight.labels.map(nameOf),
  };
  return {
    kind: 'monitor-report',
    schema: 2,
    model,
    window,
    revision,
    causeId: causeOf(window, revision),
    status: statusOf(look, window, counted.rows, labelMaturity),
    closed: deadlinePassed(look, window),
    at: look.now,
    configDigest: config.digest,
    ...counted,
    referenceRelease: reference.release,
    referencePerformance: quality && performanceOf(quality),
    drift: { ...counted.drift, label: labels && labelDrift(look, reference.value, labels.reading.profile) },
    labelMaturity,
    ...qualityOf(reference.value, labels),
    labelObjects: sight.labels.length,
    seen: sight.seen,
    stored: {
      reference: reference.digest,
      profile: read.profile,
      index: read.index,
      labelled: labels?.labelled ?? null,
      labels: labels?.labels ?? null,
      objects: (await ports.blobs.putJson(objects)).sha256,
    },
  };
}

/** Nothing has come; but by now nothing more may be waited for. */
function sameAgain(look: Look, before: MonitorReport, revision: number): MonitorReport {
  const { window, rows, labelMaturity } = before;
  return {
    ...before,
    drift: { ...before.drift, judgedBefore: wasJudged(look, before) },
    revision,
    causeId: causeOf(window, revision),
    status: statusOf(look, window, rows, labelMaturity),
    closed: deadlinePassed(look, window),
    at: look.now,
    configDigest: look.config.digest,
  };
}

/** Whether the gate has seen drift that it could judge: the same drift is not paid for twice. */
const wasJudged = ({ config }: Look, before: MonitorReport): boolean =>
  before.drift.judgedBefore || isDriftJudgeable(before, config.config.monitor.minRows);

const causeOf = ({ from, to }: Window, revision: number): string => `window/${from}_${to}/rev-${revision}`;

/** What the report before says of the predictions, if these are the same objects. */
async function keptPredictions(
  look: Look,
  sight: Sight,
  before: MonitorReport,
): Promise<{ read: ReadWindow; counted: Counted } | null> {
  const seen = (await look.ports.blobs.readJson<SeenObjects>(before.stored.objects)).predictions;
  const now = sight.predictions.map(nameOf);
  if (seen.length !== now.length || seen.some((name, i) => name !== now[i])) return null;
  const { rows, lateRows, feed, expected, servedBy, checks, estimate, stored } = before;
  const drift = { ...before.drift, judgedBefore: wasJudged(look, before) };
  return {
    read: { profile: stored.profile, index: stored.index },
    counted: { rows, lateRows, feed, expected, servedBy, checks, estimate, drift },
  };
}

/** What the predictions say: checks, drift, what may be expected of the labels. */
async function countedNow(
  look: Look,
  window: Window,
  reading: WindowReading,
  reference: Reference,
  before: MonitorReport | null,
): Promise<Counted> {
  const { monitor } = look.config.config;
  const { rows, feed, profile, servedBy } = reading;
  const columns = expectedColumns(look, reference);
  const lateRows = before ? Math.max(0, rows - (before.rows - before.lateRows)) : 0;
  const expected = before?.expected ?? (await expectedVolume(look, window));
  const checks = checkWindow({
    ...{ rows, lateRows, feed, expected, profile, columns },
    tornElsewhere: isPartOfDay(window) && before !== null && !before.checks.some(isTorn) && rows >= before.rows,
    reference: reference.value.profile,
    policy: monitor,
  });
  const judgedBefore = before !== null && wasJudged(look, before);
  const [features, outputs] = [false, true].map((output) =>
    driftOfColumns(
      look,
      reference.value.profile,
      profile,
      columns.filter((one) => one.output === output).map(({ name }) => name),
      output,
    ),
  ) as [ColumnDrift[], ColumnDrift[]];
  return {
    ...{ rows, lateRows, feed, expected, servedBy, checks },
    drift: { judgedBefore, columns: features, outputs },
    estimate: estimateOf(reference.value.profile, profile),
  };
}

const DAY_MS = 86_400_000;
const isPartOfDay = ({ from, to }: Window): boolean => Date.parse(to) - Date.parse(from) < DAY_MS;
const isTorn = ({ check, severity }: MonitorReport['checks'][number]): boolean =>
  check === 'unreadable' && severity === 'block';

function driftOfColumns(
  { config }: Look,
  reference: TableProfile,
  current: TableProfile,
  names: readonly string[],
  output: boolean,
): ColumnDrift[] {
  const { featurePsi, predictionPsi, falseAlarms } = config.config.gate.drift;
  const limits = { ...DRIFT_POLICY.limits, psi: output ? predictionPsi : featurePsi };
  const policy = { ...DRIFT_POLICY, limits, falseAlarms, columns: names.length };
  return names.flatMap((name) => {
    const [was, is] = [reference, current].map(({ columns }) => columns.find((column) => column.name === name));
    return was && is ? [driftOf(was, is, policy)] : [];
  });
}

const labelDrift = (look: Look, reference: ReferenceProfile, labelled: TableProfile): ColumnDrift | null =>
  driftOfColumns(look, reference.profile, labelled, [reference.labelColumn], true)[0] ?? null;

function estimateOf(reference: TableProfile, current: TableProfile): Estimate | null {
  const score = current.columns.find(({ name }) => name === 'score');
  if (reference.quality?.task !== 'binary' || score?.sketch.kind !== 'numeric') return null;
  const estimated = estimatePerformance(reference.quality, score.sketch);
  return estimated && { rows: estimated.rows, metrics: estimated.metrics, because: null };
}

// ── Status ──────────────────────────────────────────────────────────────────────────────────────────────────────────

export function summaryOf(model: string, report: MonitorReport): ReportSummary {
  const { window, revision, status, rows, labelMaturity } = report;
  return {
    key: reportKey(model, window, revision),
    window,
    revision,
    status,
    rows,
    labelMaturity,
    text: reportText(report),
  };
}

/** The window's entry in the next call's input; none when no more is waited for. */
export function openWindowAfter({ window, revision, closed, labelObjects, seen }: MonitorReport): OpenWindow[] {
  return closed ? [] : [{ from: window.from, to: window.to, revision, labelObjects, seen }];
}

/** Final with enough labels, or when no more are waited for; a window without predictions waits for none. */
function statusOf(look: Look, window: Window, rows: number, labelMaturity: number): MonitorReport['status'] {
  const enough = rows === 0 || labelMaturity >= look.config.config.label.maturity;
  return enough || deadlinePassed(look, window) ? 'final' : 'provisional';
}

/** By the model's clock, or by the word of the label log, which may be ahead of it: no label comes any more. */
export function deadlinePassed({ config, now, labelsTo }: Look, window: Window): boolean {
  const known = Math.max(Date.parse(now), labelsTo === null ? -Infinity : Date.parse(labelsTo));
  return known >= Date.parse(window.to) + config.config.label.deadlineMs;
}
