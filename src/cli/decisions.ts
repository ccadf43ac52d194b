/** `seawall decisions`, `explain`, `decide --replay`: what the gate said, why, and whether it would say so again. Storage only. */
import { newestFirst } from '../activities/sequences.js';
import {
  canonicalJson,
  type ConfigRevision,
  type DecisionRecord,
  keys,
  type ModelConfig,
  type MonitorReport,
  SeawallError,
} from '../contracts/index.js';
import { evaluatorOf } from '../domain/decisions/evaluators.js';
import { explain as explanationOf, number } from '../domain/decisions/explain.js';
import { duration, span } from '../domain/decisions/text.js';
import type { CommandContext, CommandHandler } from './command.js';
import { countOption, modelArgument, runArgument, textOption, usageError, withStore } from './control-context.js';
import { table } from './output.js';

type Store = Parameters<Parameters<typeof withStore>[1]>[0];
const DEFAULT_LAST = 20;
const ACTIONS = ['retrain', 'wait', 'block', 'escalate'];

/** `seawall decisions MODEL`: newest first. */
export const decisions: CommandHandler = async (context) => {
  const model = modelArgument(context);
  const last = countOption(context, 'last', '--last') ?? DEFAULT_LAST;
  const action = textOption(context, 'action');
  if (action !== undefined && !ACTIONS.includes(action))
    throw usageError(context, `--action takes one of ${ACTIONS.join(', ')}, not "${action}"`);
  const found: DecisionRecord[] = [];
  await withStore(context, async ({ records }) => {
    for await (const decision of newestFirst<DecisionRecord>(records, keys.decisions(model))) {
      if (action === undefined || decision.action === action) found.push(decision);
      if (found.length === last) break;
    }
  });
  context.output.print({ model, decisions: found }, () =>
    found.length === 0
      ? [`${model}: no decision${action === undefined ? '' : ` to ${action}`} yet`]
      : table([
          ['no.', 'at', 'window', 'action', 'trigger', 'why'],
          ...found.map(({ seq, at, window, action: taken, trigger, reason }) => [
            seq,
            at.slice(0, 16).replace('T', ' '),
            window ? span(window) : '',
            taken,
            trigger === 'none' ? '' : trigger,
            reason,
          ]),
        ]),
  );
};

/** `seawall explain MODEL[/N]` */
export const explain: CommandHandler = async (context) => {
  const decision = await withStore(context, (store) => decisionArgument(context, store));
  const explanation = explanationOf(decision);
  context.output.print({ decision, ...explanation }, () => [
    explanation.paragraph,
    '',
    ...table([
      ['rule', 'fired', 'would', 'value', 'limit', 'what it saw'],
      ...decision.rules.map(({ rule, fired, action, value, threshold, text }) => [
        rule === decision.decidedBy ? `${rule} *` : rule,
        fired ? 'yes' : '',
        action ?? '',
        shown(rule, value),
        shown(rule, threshold),
        text,
      ]),
    ]),
    ...(decision.decidedBy === null ? [] : ['', '* decided; rules are tried from the top']),
  ]);
};

/** Rules about the standing of things hold times and numbers of things, not measures. */
function shown(rule: string, value: number | string | null): string {
  if (typeof value !== 'number') return value ?? '';
  if (rule === 'cooldown') return duration(value);
  const noun = { firstModel: 'release', newData: 'run', openRun: 'run' }[rule];
  return noun === undefined ? number(value) : `${noun} ${value}`;
}

/** `seawall decide --replay MODEL[/N]`: takes the decision again from what is stored; exit code 1 when it comes out otherwise. */
export const decide: CommandHandler = async (context) => {
  if (context.options['replay'] !== true)
    throw usageError(context, 'the gate decides by itself; --replay takes a past decision again');
  const { decision, again } = await withStore(context, async (store) => {
    const decision = await decisionArgument(context, store);
    return { decision, again: await takeAgain(store, decision) };
  });
  const differs = (['action', 'trigger', 'reason', 'decidedBy', 'rules'] as const).filter(
    (field) => canonicalJson(again[field]) !== canonicalJson(decision[field]),
  );
  const { model, seq, evaluator, action, reason } = decision;
  context.output.print(
    { model, seq, evaluator, agrees: differs.length === 0, differs, recorded: decision, again },
    () =>
      differs.length === 0
        ? [`${model}/${seq}: ${evaluator} decides the same again: ${action}, ${reason}`]
        : [
            `${model}/${seq}: ${evaluator} decides otherwise now (${differs.join(', ')})`,
            `  recorded: ${action}, ${reason}`,
            `  again:    ${again.action}, ${again.reason}`,
            '  A stored report, configuration or decision was changed after the fact, or a released evaluator was edited.',
          ],
  );
  return differs.length === 0 ? 0 : 1;
};

async function takeAgain({ json, records }: Store, decision: DecisionRecord) {
  const evaluate = evaluatorOf(decision);
  const report = decision.report === null ? null : (await json.read<MonitorReport>(decision.report))?.value;
  if (report === undefined) throw gone(decision, `its report ${decision.report}`);
  return evaluate(report, decision.context, await configOf(records, decision));
}

async function configOf(records: Store['records'], decision: DecisionRecord): Promise<ModelConfig> {
  for await (const revision of newestFirst<ConfigRevision>(records, keys.configRevisions(decision.model)))
    if (revision.digest === decision.configDigest) return revision.config;
  throw gone(decision, `the configuration ${decision.configDigest.slice(0, 12)} that it was taken under`);
}

const gone = ({ model, seq }: DecisionRecord, what: string): SeawallError =>
  new SeawallError(
    'NotFound',
    `Decision ${model}/${seq} cannot be taken again: ${what} is not in storage.`,
    'Restore it from a backup of the bucket.',
  );

/** `flights/12`, or `flights` for the newest. */
async function decisionArgument(context: CommandContext, { records }: Store): Promise<DecisionRecord> {
  const { model, run: seq } = runArgument(context);
  const folder = keys.decisions(model);
  const found =
    seq === undefined ? await records.newest<DecisionRecord>(folder) : await records.read<DecisionRecord>(folder, seq);
  if (found) return found;
  throw new SeawallError(
    'NotFound',
    seq === undefined ? `${model} has no decision yet` : `${model} has no decision ${seq}`,
    seq === undefined
      ? `Is its loop running? seawall status ${model}`
      : `See those that it has: seawall decisions ${model}`,
  );
}
