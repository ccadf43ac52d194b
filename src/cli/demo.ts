/** `seawall demo flights`: the example from nothing to its end, on a stack of its own; or on to its end, where it was cut off. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Client } from '@temporalio/client';
import { MAX_WEEKS } from '../../examples/flights/calendar.js';
import { assembleDocument } from '../../examples/flights/assemble.js';
import { type Baselines, createBaselines } from '../../examples/flights/baselines.js';
import { createLoopControl } from '../../examples/flights/control.js';
import { type FlightsData, prepareFlights } from '../../examples/flights/data.js';
import { completeDelivery } from '../../examples/flights/delivery.js';
import type { FlightsDocument } from '../../examples/flights/document.js';
import { comparisonLines } from '../../examples/flights/lines.js';
import { tellStory } from '../../examples/flights/driver.js';
import { writeReport } from '../../examples/flights/report/index.js';
import { createRecordReader } from '../../examples/flights/records.js';
import { createTeller, type Teller } from '../../examples/flights/teller.js';
import { DEMO_USER, MODEL } from '../../examples/flights/world.js';
import { parseModelConfig } from '../adapters/model-config.js';
import { createStore, type Store } from '../adapters/store/index.js';
import { connectTemporal, createSeawallClient } from '../client/index.js';
import { type ModelConfig, SeawallError } from '../contracts/index.js';
import { describeEvent, type StackEvent } from '../stack/events.js';
import type { S3Access } from '../stack/options.js';
import { type Stack, startStack } from '../stack/stack.js';
import { type AppConfig, loadConfig, loadS3Config } from '../workers/config.js';
import { packageRoot } from '../workers/package-root.js';
import type { CommandContext, CommandHandler } from './command.js';
import { chooseRun, type DemoRun, endRun, type Extent } from './demo-run.js';
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
  /** The report's file: one page, to be opened in a browser. */
  report: string;
  elapsedSeconds: number;
};

export const demoFlights: CommandHandler = async (context) => {
  const { output, localConfig } = context;
  const extent = extentOf(context);
  const { homeDir } = localConfig();
  const ended = untilSignalled();
  const teller = createTeller(process.stderr);
  const { run, resumed } = chooseRun(homeDir, extent, context.options['fresh'] === true);
  if (resumed) teller.line(`${run.name} was cut off and goes on from where it stands (--fresh begins anew)`);
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
  { name }: DemoRun,
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
    namespace: name,
    prefix: name,
    apps: true,
    onEvent: (event) => tellEvent(teller, event),
    signal: AbortSignal.any([signal, failed.signal]),
  });
  return startStack({
    ...stackOptions,
    // Before any worker can look at half a delivery.
    prepareS3: async (access, bucket) => {
      await stackOptions.prepareS3(access, bucket);
      const store = createStore(loadS3Config({ ...env, ...environmentOf(access, bucket, name) }, cwd));
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

/** The store as Seawall's processes are told of it. */
const environmentOf = (access: S3Access, bucket: string, prefix: string): Record<string, string> => ({
  AWS_ENDPOINT_URL_S3: access.endpoint,
  AWS_REGION: access.region,
  AWS_ACCESS_KEY_ID: access.accessKeyId,
  AWS_SECRET_ACCESS_KEY: access.secretAccessKey,
  AWS_SESSION_TOKEN: access.sessionToken ?? '',
  SEAWALL_BUCKET: bucket,
  SEAWALL_PREFIX: prefix,
});

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
    python: config.python,
    script: join(packageRoot, 'examples', 'flights', 'baselines.py'),
    data,
    config: await readModelYaml(),
    dir: join(config.homeDir, 'flights', run.name, 'baselines'),
    signal,
  });
}

/** What `seawall model apply examples/flights/model.yaml` does. */
async function applyModelYaml(store: Pick<Store, 'records'>): Promise<void> {
  await applyConfig(store, await readModelYaml(), DEMO_USER);
}

async function readModelYaml(): Promise<ModelConfig> {
  const file = join(packageRoot, 'examples', 'flights', 'model.yaml');
  return parseModelConfig(await readFile(file, 'utf8'), file);
}

const servingUrl = (stack: Stack, config: AppConfig): string => stack.addresses.serving ?? config.serving.url;

const workflowsUrl = ({ addresses, namespace }: Stack): string | undefined =>
  addresses.ui && `${addresses.ui}/namespaces/${namespace}/workflows`;

function tellPlaces(teller: Teller, stack: Stack): void {
  const url = workflowsUrl(stack);
  if (url) teller.line(`Temporal Web UI: ${url}`);
}

function describeAll(
  document: FlightsDocument,
  { stack, teller, report }: { stack: Stack; teller: Teller; report: string },
): DemoDocument {
  const { addresses, namespace, bucket, prefix } = stack;
  const workflows = workflowsUrl(stack);
  const elapsedSeconds = Math.round(teller.elapsedSeconds() * 10) / 10;
  const places = { ...addresses, ...(workflows ? { workflows } : {}) };
  return { ...document, addresses: places, namespace, bucket, prefix, report, elapsedSeconds };
}

function summary(document: DemoDocument): string[] {
  const { weeks, releases, retrains, trainSeconds, elapsedSeconds, comparison, addresses, namespace, report } =
    document;
  const flights = weeks.reduce((sum, { rows }) => sum + rows, 0).toLocaleString('en-US');
  const byPerson = releases.filter(({ approval }) => approval.verdict === 'approved').length;
  return [
    '',
    `${weeks.length} weeks, ${flights} flights served, ${retrains} retrains (${trainSeconds.seawall.toFixed(1)} s of training with the ` +
      `first champion), ${releases.length} releases, ${byPerson} of them approved by a person; ${elapsedSeconds.toFixed(0)} s`,
    '',
    ...(comparison ? comparisonLines(comparison) : []),
    '',
    `Report: ${report}`,
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
  progress('stopped before the end; the next `npm start` goes on from here');
  return 130;
}

function withLogs(error: unknown, homeDir: string): unknown {
  if (!(error instanceof SeawallError)) return error;
  const next = `${error.next} Logs: ${join(homeDir, 'logs')}`;
  return new SeawallError(error.type, error.message, next, { cause: error });
}
