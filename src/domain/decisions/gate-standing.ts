/** The gate's rules about everything but the numbers: broken data, people, open runs, the first model, the cooldown. */
import { type DatasetPolicy, type GateContext, nothingToLearnFrom } from '../../contracts/index.js';
import { type GateInput, quiet, type Rule, standing, type Verdict } from './gate-rule.js';
import { duration, moment, span } from './text.js';

/** Broken data: fix it, don't learn it. A silent feed is broken data too, not an absence of drift. */
export function blockRule({ report }: GateInput): Rule {
  const blocking = report?.checks.filter(({ severity }) => severity === 'block') ?? [];
  const first = blocking[0];
  if (!report || !first) return standing('block', 0, 1, 'no check of the data blocks', null);
  const more = blocking.length > 1 ? ` (and ${blocking.length - 1} more alarms)` : '';
  const next =
    first.check === 'silent'
      ? 'find out why nothing arrives'
      : 'repair the data at its source, nothing is learnt from this window';
  const reason = `${span(report.window)}: ${first.text}${more}: ${next}`;
  return standing('block', blocking.length, 1, first.text, { action: 'block', trigger: 'none', reason });
}

/**
 * A person's request ignores thresholds; `force` also overrides cooldown and pin. Nobody starts a second run beside an open
 * one, and a paused model is resumed first: both are a person's own orders.
 */
export function personRule(input: GateInput): Rule {
  const { request, datasetVersion } = input.context;
  if (!request) return standing('person', null, null, 'nobody asks', null);
  const obstacle = obstacleOf(input);
  const asked = `${request.by} asks for a ${request.force ? 'forced ' : ''}retrain`;
  const why = request.reason ? `: ${request.reason}` : '';
  if (obstacle) {
    const verdict: Verdict = { action: 'wait', trigger: 'person', reason: `${asked}, but ${obstacle}` };
    return standing('person', request.by, null, verdict.reason, verdict);
  }
  const verdict: Verdict = {
    action: 'retrain',
    trigger: 'person',
    reason: `${asked} on dataset version ${datasetVersion!.slice(0, 12)}${why}`,
  };
  return standing('person', request.by, null, verdict.reason, verdict);
}

function obstacleOf({ context, config }: GateInput): string | undefined {
  const force = context.request?.force === true;
  if (context.paused) return 'the model is paused: resume it first';
  if (context.openRun !== null) return `${openRunText(context.openRun)}: wait for its end or cancel it`;
  if (context.pinned && !force) return 'the champion is pinned: unpin it, or ask with force';
  const left = cooldownLeftMs(context, config.gate.cooldownMs);
  if (left > 0 && !force) return `${cooldownText(context, left)}: wait, or ask with force`;
  if (context.datasetVersion === null) return noDataset(config.dataset);
  return undefined;
}

export function pausedRule({ context }: GateInput, signals: Rule[]): Rule {
  if (!context.paused) return standing('paused', 'no', null, 'not paused', null);
  return standing('paused', 'yes', null, 'paused', quiet(`the model is paused by a person${heldBack(signals)}`));
}

export function pinnedRule({ context }: GateInput, signals: Rule[]): Rule {
  if (!context.pinned) return standing('pinned', 'no', null, 'not pinned', null);
  return standing('pinned', 'yes', null, 'pinned', quiet(`the champion is pinned by a person${heldBack(signals)}`));
}

export function openRunRule({ context }: GateInput, signals: Rule[]): Rule {
  const { openRun } = context;
  if (openRun === null) return standing('openRun', null, null, 'no run is open', null);
  const text = openRunText(openRun);
  return standing('openRun', openRun, null, text, quiet(`${text}, one at a time${heldBack(signals)}`));
}

/** 0: a run that this very batch of decisions started and that has no number yet. */
const openRunText = (n: number): string => (n === 0 ? 'a training run is about to start' : `training run ${n} is open`);

/** The first model needs no drift and no cooldown: nothing serves yet. */
export function firstModelRule({ context, config }: GateInput): Rule {
  const { championRelease, datasetVersion } = context;
  if (championRelease !== null)
    return standing('firstModel', championRelease, null, `release ${championRelease} is the champion`, null);
  if (datasetVersion === null) {
    const verdict: Verdict = {
      action: 'wait',
      trigger: 'firstModel',
      reason: `there is no model yet, and ${noDataset(config.dataset)}`,
    };
    return standing('firstModel', null, null, verdict.reason, verdict);
  }
  const reason = `there is no model yet: the first one learns from dataset version ${datasetVersion.slice(0, 12)} of ${config.dataset.name}`;
  return standing('firstModel', null, null, reason, { action: 'retrain', trigger: 'firstModel', reason });
}

export function cooldownRule({ context, config }: GateInput, signals: Rule[]): Rule {
  const { cooldownMs } = config.gate;
  const left = cooldownLeftMs(context, cooldownMs);
  const sinceMs = context.lastRetrainAt ? Date.parse(context.now) - Date.parse(context.lastRetrainAt) : null;
  if (left <= 0) return standing('cooldown', sinceMs, cooldownMs, 'no cooldown', null);
  const text = cooldownText(context, left);
  // Without anything to hold back the sentence about the numbers says more.
  const verdict = signals.some(({ verdict: signal }) => signal) ? quiet(`${text}${heldBack(signals)}`) : null;
  return {
    ...standing('cooldown', sinceMs, cooldownMs, text, verdict),
    outcome: { rule: 'cooldown', fired: true, value: sinceMs, threshold: cooldownMs, text },
  };
}

/** The same data and the same configuration make the same model: a person may ask for it, the gate does not pay for it. */
export function newDataRule({ context }: GateInput, signals: Rule[]): Rule {
  const { learntIn, datasetVersion } = context;
  if (learntIn === null) return standing('newData', null, null, 'there is something new to learn from', null);
  const text = `run ${learntIn} has learnt from dataset version ${datasetVersion?.slice(0, 12)} already, under this configuration: nothing new was committed or configured since`;
  const verdict = signals.some(({ verdict: signal }) => signal) ? quiet(`${text}${heldBack(signals)}`) : null;
  return standing('newData', learntIn, null, text, verdict);
}

/** In the model's clock; 0 or less: over. */
function cooldownLeftMs({ now, lastRetrainAt }: GateContext, cooldownMs: number): number {
  return lastRetrainAt === null ? 0 : Date.parse(lastRetrainAt) + cooldownMs - Date.parse(now);
}
const cooldownText = ({ lastRetrainAt }: GateContext, leftMs: number): string =>
  `the last retrain was decided at ${moment(lastRetrainAt!)} and the cooldown lasts another ${duration(leftMs)}`;

function noDataset(dataset: DatasetPolicy): string {
  const { what, next } = nothingToLearnFrom(dataset);
  return `${what}: ${next}`;
}

/** What would have been decided otherwise. */
function heldBack(signals: Rule[]): string {
  const fired = signals.filter(({ verdict }) => verdict !== null);
  return fired.length === 0 ? '' : `; held back: ${fired.map(({ outcome }) => outcome.text).join('; ')}`;
}
