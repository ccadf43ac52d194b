/** `seawall approve` and `seawall reject`: a person's verdict on exactly the bytes that were shown. */
import type { SeawallClient } from '../client/index.js';
import {
  type EvaluationSummary,
  metricNames,
  type ModelPerformance,
  type RunStatus,
  SeawallError,
  shownMetrics,
  trainingRunId,
  valueOf,
} from '../contracts/index.js';
import type { CommandContext, CommandHandler } from './command.js';
import { envelope, printAnswer, runArgument, textOption, usageError, withTemporal } from './control-context.js';
import { findRun } from './control-runs.js';

type Verdict = 'approve' | 'reject';
interface Subject {
  run: number;
  challenger: string;
  evidence: string;
}

export const approve: CommandHandler = (context) => judge(context, 'approve');
export const reject: CommandHandler = (context) => judge(context, 'reject');

async function judge(context: CommandContext, verdict: Verdict): Promise<void> {
  const { model, run } = runArgument(context);
  const digests = givenDigests(context);
  const sender = envelope(context);
  await withTemporal(context, async ({ client }) => {
    const subject =
      digests && run !== undefined ? { run, ...digests } : await shownSubject(context, client, model, run);
    const { challenger, evidence } = digests ?? subject;
    const to = trainingRunId(model, subject.run);
    const answer = await client.send({ model, run: subject.run }, verdict, { ...sender, challenger, evidence });
    const { messageId, by } = sender;
    printAnswer(context, model, { to, message: verdict, messageId, by, challenger, evidence }, answer);
  });
}

/** Reads what waits, shows it, and binds the verdict to it. */
async function shownSubject(
  context: CommandContext,
  client: SeawallClient,
  model: string,
  run: number | undefined,
): Promise<Subject> {
  const status = run === undefined ? await findRun(client, model, 'waiting') : await client.runStatus(model, run);
  const { n, waitingFor } = status;
  if (!waitingFor) throw notWaiting(status);
  for (const line of describeWaiting(status)) context.output.progress(line);
  return { run: n, challenger: waitingFor.challenger, evidence: waitingFor.evidence };
}

function notWaiting({ model, n, phase, outcome }: RunStatus): SeawallError {
  const state = outcome ? `it has ended: ${outcome.kind}, ${outcome.text}` : `its phase is ${phase}`;
  return new SeawallError(
    'BadInput',
    `run ${n} of ${model} does not wait for a person: ${state}`,
    `See how it stands: seawall status ${model}`,
  );
}

function givenDigests(context: CommandContext): { challenger: string; evidence: string } | undefined {
  const challenger = textOption(context, 'challenger');
  const evidence = textOption(context, 'evidence');
  if (challenger === undefined && evidence === undefined) return undefined;
  if (challenger === undefined || evidence === undefined)
    throw usageError(context, 'give both --challenger and --evidence, or neither');
  return { challenger, evidence };
}

/** What a person is asked about, as lines. */
export function describeWaiting({ model, n, evaluation, waitingFor }: RunStatus): string[] {
  if (!waitingFor) return [];
  return [
    `run ${n} of ${model} waits for a person until ${waitingFor.deadlineAt}`,
    ...(evaluation ? describeEvaluation(evaluation) : []),
    `  challenger  ${waitingFor.challenger}`,
    `  evidence    ${waitingFor.evidence}`,
  ];
}

export function describeEvaluation({
  rows,
  metric,
  challenger,
  champion,
  gain,
  gainInterval,
  notCompared,
}: EvaluationSummary): string[] {
  const shown = shownMetrics(challenger, metric);
  const numbers = (of: ModelPerformance) =>
    shown.map((each) => `${metricNames[each]} ${digits(valueOf(of, each))}`).join(', ');
  const interval = gainInterval ? ` (95 % interval ${digits(gainInterval[0])} to ${digits(gainInterval[1])})` : '';
  const noNumbers =
    notCompared === undefined ? '  there is no champion yet' : `  champion:   NOT compared: ${notCompared}`;
  return [
    `  challenger: ${numbers(challenger)} on ${rows} held-out rows`,
    champion ? `  champion:   ${numbers(champion)}` : noNumbers,
    ...(gain === null ? [] : [`  gain in ${metricNames[metric]}: ${digits(gain)}${interval}; positive is better`]),
  ];
}

const digits = (value: number | null): string => value?.toFixed(4) ?? '–';
