/** `seawall demo flights`: the example from nothing to its end, on a stack of its own; or on to its end, where it was cut off. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Client } from '@temporalio/client';
import { MAX_WEEKS } from '../../examples/flights/calendar.js';
import { assembleDocument } from '../../examples/flights/assemble.js';
import { type Baselines, createBaselines } from '../../examples/flights/baselines.js';
import { createLoopControl } from '../../examples/flights/control.js';
import { DATA_VERSION, type FlightsData, prepareFlights } from '../../examples/flights/data.js';
import { completeDelivery } from '../../examples/flights/delivery.js';
import { digestOfStory } from '../../examples/flights/digest.js';
import { tellStory } from '../../examples/flights/driver.js';
import { writeReport } from '../../examples/flights/report/index.js';
import { createRecordReader } from '../../examples/flights/records.js';
import { createTeller, type Teller } from '../../examples/flights/teller.js';
import { DEMO_USER, MODEL } from '../../examples/flights/world.js';
import { parseModelConfig } from '../adapters/model-config.js';
import { createStore, type Store } from '../adapters/store/index.js';
import { connectTemporal, createSeawallClient } from '../client/index.js';
import { keys, type ModelConfig, SeawallError } from '../contracts/index.js';
import { describeEvent, type StackEvent } from '../stack/events.js';
import { s3Environment } from '../stack/options.js';
import { type Stack, startStack } from '../stack/stack.js';
import { readLiveState } from '../stack/state.js';
import { type AppConfig, loadConfig, loadS3Config } from '../workers/config.js';
import { packageRoot } from '../workers/package-root.js';
import type { CommandContext, CommandHandler } from './command.js';
import { type DemoDocument, describeAll, summary, workflowsUrl } from './demo-document.js';
import { beginRun, chooseRun, type DemoRun, endRun, runFolder } from './demo-run.js';
import { usageError } from './control-context.js';
import { untilSignalled } from './lifetime.js';
import { applyConfig } from './model.js';
import { stackOptionsFor } from './servers.js';

export const demoFlights: CommandHandler = async (context) => {
  const { output, localConfig } = context;
  const extent = extentOf(context);
  const { homeDir } = localConfig();
  const ended = untilSignalled();
  refuseSecondDemo(homeDir);
  const teller = createTeller(process.stderr);
  const run = await runToTell(context, extent, homeDir, teller);
  let stack: Stack | undefined;
  try {
    teller.now('cuts the flights into weeks, starts the stack');
    const preparing = prepareFlights({ cacheDir: join(homeDir, 'cache'), ...extent });
    const starting = startOwnStack(context, run, teller, ended.signal, preparing).then((started) => (stack = started));
    // Both to their end: a stack that comes up beside a failure must be known, to be stopped.
    await Promise.allSettled([preparing, starting]);
    const [data, running] = await Promise.all([preparing, starting]);
    const document = await runExample(context, { run, stack: running, data, teller, signal: ended.signal });
    endRun(homeDir, run);
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

/** Before anything is said or written: what runs already would be told as if it had been cut off. */
function refuseSecondDemo(homeDir: string): void {
  const running = readLiveState(homeDir, 'demo.json');
  if (!running) return;
  const text = `the example runs already in this folder (pid ${running.supervisor.pid}, Temporal at ${running.addresses.temporal})`;
  throw new SeawallError('Conflict', text, 'Use it, or end it with Ctrl-C or `seawall down`.');
}

async function runToTell(
  { env, options }: CommandContext,
  extent: Extent,
  homeDir: string,
  teller: Teller,
): Promise<DemoRun> {
  const digest = await digestOfStory(await readModelYaml(), DATA_VERSION);
  const data = [...(env['TEMPORAL_ADDRESS'] ? [] : ['temporal.db']), ...(env['AWS_ENDPOINT_URL_S3'] ? [] : ['s3'])];
  const chosen = chooseRun(homeDir, { ...extent, digest }, { fresh: options['fresh'] === true, data });
  if (chosen.passedOver !== null) teller.line(`${chosen.passedOver}; a new run begins`);
  if (chosen.resumed)
    teller.line(`${chosen.run.name} was cut off and goes on from where it stands (--fresh begins anew)`);
  return chosen.run;
}

interface Extent {
  weeks: number;
  slice: number;
}

/** How much of the data; wrong usage ends with exit code 2, before anything is started. */
function extentOf(context: CommandContext): Extent {
  const weeks = Number(context.options['weeks'] ?? MAX_WEEKS);
  const slice = Number(context.options['slice'] ?? 1);
  if (!Number.isInteger(weeks) || weeks < 1 || weeks > MAX_WEEKS) {
    throw usageError(context, `--weeks takes a whole number from 1 to ${MAX_WEEKS}`);
  }
  if (!(slice > 0 && slice <= 1)) throw usageError(context, '--slice takes a share above 0 and up to 1');
  if (!(Number(context.options['approveAfter'] ?? 0) >= 0)) {
    throw usageError(context, '--approve-after takes a number of seconds');
  }
  return { weeks, slice };
}

/** A prefix and a namespace of the run's own: no workflow id of an earlier one is met. */
async function startOwnStack(
  { env, cwd }: CommandContext,
  run: DemoRun,
  teller: Teller,
  signal: AbortSignal,
  preparing: Promise<FlightsData>,
): Promise<Stack> {
  const failed = new AbortController();
  preparing.catch((error: unknown) => failed.abort(error));
  const stackOptions = await stackOptionsFor({
    env,
    cwd,
    stateFile: 'demo.json',
    namespace: run.name,
    prefix: run.name,
    apps: true,
    onEvent: (event) => tellEvent(teller, event),
    signal: AbortSignal.any([signal, failed.signal]),
  });
  return startStack({
    ...stackOptions,
    // When the stack is ours, and before any worker can look at half a delivery.
    prepareS3: async (access, bucket) => {
      beginRun(stackOptions.homeDir, run);
      await stackOptions.prepareS3(access, bucket);
      const store = createStore(loadS3Config({ ...env, ...s3Environment(access, bucket, run.name) }, cwd));
      try {
        await completeDelivery({ store }, await preparing);
      } finally {
        store.close();
      }
    },
  });
}

function tellEvent(teller: Teller, event: StackEvent): void {
  const lasting: readonly StackEvent['kind'][] = ['portTaken', 'leftoverEnded', 'died', 'notReady'];
  if (lasting.includes(event.kind)) teller.line(describeEvent(event));
  else teller.now(describeEvent(event));
}

interface Performance {
  run: DemoRun;
  stack: Stack;
  data: FlightsData;
  teller: Teller;
  signal: AbortSignal;
}

async function runExample(
  { env, cwd, output, options }: CommandContext,
  { run, stack, data, teller, signal }: Performance,
): Promise<DemoDocument> {
  const commandEnv = { ...env, ...stack.appEnv };
  const config = loadConfig(commandEnv, cwd);
  const store = createStore(config.s3);
  const connection = await connectTemporal(config.temporal);
  const baselines = await startBaselines(config, run, data, signal);
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
    const approveAfterMs = personHasMs(options, output);
    tellPlaces(teller, stack);
    const world = { store, readRecords, serving, loop, baselines, teller, signal, approveAfterMs };
    const records = await tellStory(world, data);
    const document = assembleDocument(MODEL, records, data.weeks, baselines.known());
    teller.now('draws the report');
    const report = join(config.homeDir, 'reports', `${run.name}.html`);
    await writeReport(report, document, { namespace, madeAt: new Date().toISOString() });
    return describeAll(document, { stack, teller, report });
  } finally {
    baselines.close();
    store.close();
    await connection.close();
  }
}

/** With somebody at the terminal the example leaves time for another verdict than its own. */
function personHasMs(options: CommandContext['options'], { json }: CommandContext['output']): number {
  const seconds = options['approveAfter'];
  if (seconds !== undefined) return Number(seconds) * 1000;
  return !json && process.stdout.isTTY === true ? 10_000 : 0;
}

async function startBaselines(
  config: AppConfig,
  run: DemoRun,
  data: FlightsData,
  signal: AbortSignal,
): Promise<Baselines> {
  return createBaselines({
    python: config.pythons.python,
    script: join(packageRoot, 'examples', 'flights', 'baselines.py'),
    data,
    config: await readModelYaml(),
    dir: join(runFolder(config.homeDir, run.name), 'baselines'),
    signal,
  });
}

/** What `seawall model apply examples/flights/model.yaml` does. */
async function applyModelYaml(store: Pick<Store, 'records'>): Promise<void> {
  // What a person has applied meanwhile stands.
  if (await store.records.newest(keys.configRevisions(MODEL))) return;
  await applyConfig(store, await readModelYaml(), DEMO_USER);
}

async function readModelYaml(): Promise<ModelConfig> {
  const file = join(packageRoot, 'examples', 'flights', 'model.yaml');
  return parseModelConfig(await readFile(file, 'utf8'), file);
}

const servingUrl = (stack: Stack, config: AppConfig): string => stack.addresses.serving ?? config.serving.url;

function tellPlaces(teller: Teller, stack: Stack): void {
  const url = workflowsUrl(stack);
  if (url) teller.line(`Temporal Web UI: ${url}`);
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
  progress('stopped before the end; the same command, given again, goes on from here');
  return 130;
}

function withLogs(error: unknown, homeDir: string): unknown {
  if (!(error instanceof SeawallError)) return error;
  const next = `${error.next} Logs: ${join(homeDir, 'logs')}`;
  return new SeawallError(error.type, error.message, next, { cause: error });
}
