/** `seawall demo flights`: the example from nothing to its end, on a stack of its own. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Client } from '@temporalio/client';
import { MAX_WEEKS } from '../../examples/flights/calendar.js';
import { prepareFlights } from '../../examples/flights/data.js';
import { createLoopControl } from '../../examples/flights/control.js';
import { assembleDocument, type FlightsDocument } from '../../examples/flights/document.js';
import { tellStory } from '../../examples/flights/driver.js';
import { createRecordReader } from '../../examples/flights/records.js';
import { createTeller, type Teller } from '../../examples/flights/teller.js';
import { MODEL } from '../../examples/flights/world.js';
import { parseModelConfig } from '../adapters/model-config.js';
import { createStore, type Store } from '../adapters/store/index.js';
import { connectTemporal, createSeawallClient } from '../client/index.js';
import { SeawallError } from '../contracts/index.js';
import { describeEvent, type StackEvent } from '../stack/events.js';
import { type Stack, startStack } from '../stack/stack.js';
import { type AppConfig, loadConfig } from '../workers/config.js';
import { packageRoot } from '../workers/package-root.js';
import type { CommandContext, CommandHandler } from './command.js';
import { usageError } from './control-context.js';
import { untilSignalled } from './lifetime.js';
import { applyConfig } from './model.js';
import { stackOptionsFor } from './servers.js';

/** What `--json` prints at the end. */
type DemoDocument = FlightsDocument & {
  addresses: Stack['addresses'] & { workflows?: string };
  namespace: string;
  bucket: string;
  prefix: string;
  elapsedSeconds: number;
};

export const demoFlights: CommandHandler = async (context) => {
  const { output, localConfig } = context;
  const { weeks, slice } = extent(context);
  const { homeDir } = localConfig();
  const ended = untilSignalled();
  const teller = createTeller(process.stderr);
  let stack: Stack | undefined;
  try {
    const cacheDir = join(homeDir, 'cache');
    teller.now('cuts the flights into weeks, starts the stack');
    const preparing = prepareFlights({ cacheDir, weeks, slice });
    const starting = startOwnStack(context, teller, ended.signal, preparing).then((started) => (stack = started));
    // Both to their end: a stack that comes up beside a failure must be known, to be stopped.
    await Promise.allSettled([preparing, starting]);
    const [data, running] = await Promise.all([preparing, starting]);
    const document = await runExample(context, running, data, teller, ended.signal);
    teller.end();
    output.print(document, () => summary(document));
    if (staysUp(context)) await untilAborted(ended.signal);
    return 0;
  } catch (error) {
    teller.end();
    if (ended.signal.aborted) return stopped(output.progress);
    throw withLogs(error, homeDir);
  } finally {
    await stack?.stop();
    teller.end();
  }
};

/** How much of the data; wrong usage ends with exit code 2, before anything is started. */
function extent(context: CommandContext): { weeks: number; slice: number } {
  const weeks = Number(context.options['weeks'] ?? 6);
  const slice = Number(context.options['slice'] ?? 1);
  if (!Number.isInteger(weeks) || weeks < 1 || weeks > MAX_WEEKS) {
    throw usageError(context, `--weeks takes a whole number from 1 to ${MAX_WEEKS}`);
  }
  if (!(slice > 0 && slice <= 1)) throw usageError(context, '--slice takes a share above 0 and up to 1');
  return { weeks, slice };
}

/** A fresh prefix and namespace per run: no workflow id of an earlier one is met. */
async function startOwnStack(
  { env, cwd }: CommandContext,
  teller: Teller,
  signal: AbortSignal,
  preparing: Promise<unknown>,
): Promise<Stack> {
  const name = `${MODEL}-${new Date().toISOString().slice(0, 19).replace(/[-:]/g, '').toLowerCase()}`;
  const failed = new AbortController();
  preparing.catch((error: unknown) => failed.abort(error));
  const stackOptions = await stackOptionsFor({
    env,
    cwd,
    stateFile: 'demo.json',
    namespace: name,
    prefix: name,
    apps: true,
    onEvent: (event) => tellEvent(teller, event),
    signal: AbortSignal.any([signal, failed.signal]),
  });
  return startStack(stackOptions);
}

function tellEvent(teller: Teller, event: StackEvent): void {
  const lasting: readonly StackEvent['kind'][] = ['portTaken', 'leftoverEnded', 'died', 'notReady'];
  if (lasting.includes(event.kind)) teller.line(describeEvent(event));
  else teller.now(describeEvent(event));
}

async function runExample(
  { env, cwd }: CommandContext,
  stack: Stack,
  data: Awaited<ReturnType<typeof prepareFlights>>,
  teller: Teller,
  signal: AbortSignal,
): Promise<DemoDocument> {
  const commandEnv = { ...env, ...stack.appEnv };
  const config = loadConfig(commandEnv, cwd);
  const store = createStore(config.s3);
  const connection = await connectTemporal(config.temporal);
  try {
    await store.openWorkspace(stack.namespace);
    const readRecords = createRecordReader(store, MODEL);
    const { namespace } = stack;
    const loop = createLoopControl({
      client: createSeawallClient({ connection, namespace, address: config.temporal.address }),
      temporal: new Client({ connection, namespace }),
      seawall: join(packageRoot, 'bin', 'seawall.js'),
      env: commandEnv,
      applyConfig: () => applyModelYaml(store),
      signal,
    });
    const serving = { url: servingUrl(stack, config), model: MODEL, signal };
    tellPlaces(teller, stack);
    const records = await tellStory({ store, readRecords, serving, loop, teller, signal }, data);
    return describeAll(assembleDocument(MODEL, records, data.weeks), stack, teller);
  } finally {
    store.close();
    await connection.close();
  }
}

/** What `seawall model apply examples/flights/model.yaml` does. */
async function applyModelYaml(store: Pick<Store, 'records'>): Promise<void> {
  const file = join(packageRoot, 'examples', 'flights', 'model.yaml');
  await applyConfig(store, parseModelConfig(await readFile(file, 'utf8'), file), 'demo');
}

const servingUrl = (stack: Stack, config: AppConfig): string => stack.addresses.serving ?? config.serving.url;

const workflowsUrl = ({ addresses, namespace }: Stack): string | undefined =>
  addresses.ui && `${addresses.ui}/namespaces/${namespace}/workflows`;

function tellPlaces(teller: Teller, stack: Stack): void {
  const url = workflowsUrl(stack);
  if (url) teller.line(`Temporal Web UI: ${url}`);
}

function describeAll(document: FlightsDocument, stack: Stack, teller: Teller): DemoDocument {
  const { addresses, namespace, bucket, prefix } = stack;
  const workflows = workflowsUrl(stack);
  const elapsedSeconds = Math.round(teller.elapsedSeconds() * 10) / 10;
  const places = { ...addresses, ...(workflows ? { workflows } : {}) };
  return { ...document, addresses: places, namespace, bucket, prefix, elapsedSeconds };
}

function summary({ weeks, releases, retrains, trainSeconds, elapsedSeconds, ...rest }: DemoDocument): string[] {
  const flights = weeks.reduce((sum, { rows }) => sum + rows, 0).toLocaleString('en-US');
  const byPerson = releases.filter(({ approval }) => approval.verdict === 'approved').length;
  const { addresses, namespace } = rest;
  return [
    '',
    `${weeks.length} weeks, ${flights} flights served, ${retrains} retrains (${trainSeconds.seawall.toFixed(1)} s of training with the ` +
      `first champion), ${releases.length} releases, ${byPerson} of them approved by a person; ${elapsedSeconds.toFixed(0)} s`,
    ...(addresses.workflows ? [`Temporal Web UI: ${addresses.workflows}`] : []),
    'Try in another terminal, in this folder:',
    `  npx seawall status ${MODEL}`,
    `  npx seawall retrain ${MODEL} --by me --reason "let me see" --force`,
    `  temporal workflow list --address ${addresses.temporal} --namespace ${namespace}`,
  ];
}

/** On a terminal the stack stays up to be looked at; `--stay` and `--exit` say it explicitly. */
function staysUp({ options, output }: CommandContext): boolean {
  const stays = options['stay'] === true || (options['exit'] !== true && !output.json && process.stdout.isTTY === true);
  if (stays) output.progress('Ctrl-C stops it; the data stay.');
  return stays;
}

async function untilAborted(signal: AbortSignal): Promise<void> {
  while (!signal.aborted) await delay(60_000, undefined, { signal }).catch(() => undefined);
}

function stopped(progress: (line: string) => void): number {
  progress('stopped before the end; the data stay');
  return 130;
}

function withLogs(error: unknown, homeDir: string): unknown {
  if (!(error instanceof SeawallError)) return error;
  const next = `${error.next} Logs: ${join(homeDir, 'logs')}`;
  return new SeawallError(error.type, error.message, next, { cause: error });
}
