/** The embedded stack: Temporal, S3 and Seawall's own processes on one machine, kept running until it is stopped. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { SeawallError } from '../contracts/index.js';
import { supervise } from './child.js';
import type { ChildSpec, SupervisedChild } from './child.js';
import { endLeftovers } from './leftovers.js';
import { s3Environment, usualPorts } from './options.js';
import type { AppSpec, S3Access, StackOptions } from './options.js';
import { freePort, LOOPBACK } from './ports.js';
import { ensureSecrets } from './secrets.js';
import { s3Spec, temporalSpec } from './servers.js';
import { claimState, ownIdentity, readLiveState, removeState, stateFileNames, writeState } from './state.js';
import type { StackAddresses, StackState } from './state.js';

export interface Stack {
  addresses: StackAddresses;
  namespace: string;
  prefix: string;
  bucket: string;
  s3: S3Access;
  /** What the stack's own processes get: whoever joins the stack from outside can use it as environment. */
  appEnv: Record<string, string>;
  /** Ends everything in reverse order and removes the state file; data and logs stay. Can be called twice. */
  stop(): Promise<void>;
}

const REGION = 'us-east-1';

/**
 * Starts the stack and resolves when everything is ready. Fails with `Conflict` when one runs here already, with `Unavailable`
 * when a part does not start (its log's end is in the message); in both cases nothing of it is left running.
 */
export async function startStack(options: StackOptions): Promise<Stack> {
  mkdirSync(join(options.homeDir, 'logs'), { recursive: true });
  refuseSecondStack(options);
  await endLeftovers(options.homeDir, options.onEvent);
  const plan = await planServers(options);
  const state = initialState(options, plan.addresses);
  claim(options, state);
  const children: SupervisedChild[] = [];
  const run = (specs: ChildSpec[]) => runAll(specs, options, state, children);
  const stop = once(async () => {
    await stopAll(children, options);
    removeState(options.homeDir, options.stateFile);
  });
  try {
    await orAborted(options.signal, bringUp(options, plan, run));
  } catch (error) {
    await stop();
    throw error;
  }
  state.ready = true;
  writeState(options.homeDir, options.stateFile, state);
  const { namespace, prefix, bucket } = options;
  return { addresses: plan.addresses, namespace, prefix, bucket, s3: plan.s3, appEnv: plan.appEnv, stop };
}

async function bringUp(
  options: StackOptions,
  plan: ServerPlan,
  run: (specs: ChildSpec[]) => Promise<void>,
): Promise<void> {
  await Promise.all([
    run(plan.temporalSpecs).then(() => options.prepareTemporal(plan.addresses.temporal, options.namespace)),
    run(plan.s3Specs).then(() => options.prepareS3(plan.s3, options.bucket)),
  ]);
  await run(options.apps.map((app) => appSpec(app, options, plan.appEnv)));
}

/** Two servers over one database file or one data folder would spoil it. */
function refuseSecondStack({ homeDir, stateFile, temporal, s3 }: StackOptions): void {
  for (const file of stateFileNames) {
    const live = readLiveState(homeDir, file);
    if (!live) continue;
    const sharesData =
      (live.embedded.temporal && temporal.kind === 'embedded') || (live.embedded.s3 && s3.kind === 'embedded');
    if (file === stateFile || sharesData) throw alreadyRunning(live, file);
  }
}

function alreadyRunning(live: StackState, file: string): SeawallError {
  return new SeawallError(
    'Conflict',
    `${file === 'demo.json' ? 'a demo' : 'a stack'} already runs in this folder (pid ${live.supervisor.pid}, Temporal at ${live.addresses.temporal})`,
    'Use it, or end it with `seawall down`.',
  );
}

function claim(options: StackOptions, state: StackState): void {
  if (claimState(options.homeDir, options.stateFile, state)) return;
  const live = readLiveState(options.homeDir, options.stateFile);
  if (live) throw alreadyRunning(live, options.stateFile);
  // Leftovers were just cleared: what stands here now is not a state file that anybody can use.
  removeState(options.homeDir, options.stateFile);
  if (!claimState(options.homeDir, options.stateFile, state)) {
    throw new SeawallError('Conflict', 'another stack is starting in this folder', 'Try again in a moment.');
  }
}

interface ServerPlan {
  addresses: StackAddresses;
  s3: S3Access;
  temporalSpecs: ChildSpec[];
  s3Specs: ChildSpec[];
  appEnv: Record<string, string>;
}

async function planServers(options: StackOptions): Promise<ServerPlan> {
  const { homeDir, env } = options;
  const ports = portChooser(options);
  let temporalAddress: string;
  let ui: string | undefined;
  const temporalSpecs: ChildSpec[] = [];
  if (options.temporal.kind === 'embedded') {
    const port = await ports('temporal');
    const uiPort = await ports('ui');
    temporalAddress = `${LOOPBACK}:${port}`;
    ui = `http://${LOOPBACK}:${uiPort}`;
    temporalSpecs.push(temporalSpec({ homeDir, binary: options.temporal.binary, port, uiPort, env }));
  } else temporalAddress = options.temporal.address;
  let s3: S3Access;
  const s3Specs: ChildSpec[] = [];
  if (options.s3.kind === 'embedded') {
    const port = await ports('s3');
    const keys = ensureSecrets(homeDir);
    s3 = { endpoint: `http://${LOOPBACK}:${port}`, region: REGION, ...keys };
    s3Specs.push(await s3Spec({ homeDir, binary: options.s3.binary, port, region: REGION, keys, env }));
  } else s3 = options.s3.access;
  const servingPort = options.apps.length > 0 ? await ports('serving') : undefined;
  const serving = servingPort === undefined ? {} : { serving: `http://${LOOPBACK}:${servingPort}` };
  const addresses = { temporal: temporalAddress, ...(ui ? { ui } : {}), s3: s3.endpoint, ...serving };
  return { addresses, s3, temporalSpecs, s3Specs, appEnv: appEnvironment(options, temporalAddress, s3, servingPort) };
}

function portChooser(options: StackOptions) {
  const taken = new Set<number>();
  return async (server: keyof typeof usualPorts): Promise<number> => {
    const wanted = options.ports?.[server] ?? usualPorts[server];
    const port = await freePort(wanted, taken);
    taken.add(port);
    if (port !== wanted) options.onEvent({ kind: 'portTaken', server, wanted, using: port });
    return port;
  };
}

function appEnvironment(
  options: StackOptions,
  temporalAddress: string,
  s3: S3Access,
  servingPort: number | undefined,
): Record<string, string> {
  return {
    TEMPORAL_ADDRESS: temporalAddress,
    TEMPORAL_NAMESPACE: options.namespace,
    // The embedded server speaks plainly, whatever a profile or an API key in the environment would imply.
    ...(options.temporal.kind === 'embedded' ? { TEMPORAL_TLS: 'false', TEMPORAL_API_KEY: '' } : {}),
    ...s3Environment(s3, options.bucket, options.prefix),
    SEAWALL_HOME: options.homeDir,
    ...(servingPort === undefined ? {} : { SEAWALL_SERVING_HOST: LOOPBACK, SEAWALL_SERVING_PORT: String(servingPort) }),
  };
}

function appSpec(app: AppSpec, options: StackOptions, appEnv: Record<string, string>): ChildSpec {
  return {
    name: app.name,
    command: app.command,
    args: app.args,
    env: { ...options.env, ...appEnv, ...app.env },
    logFile: join(options.homeDir, 'logs', `${app.name}.log`),
    readiness: { kind: 'line' },
    readyWithinMs: app.readyWithinMs ?? 60_000,
    stopGraceMs: app.stopGraceMs ?? 10_000,
  };
}

function initialState(options: StackOptions, addresses: StackAddresses): StackState {
  const { namespace, prefix, bucket } = options;
  return {
    kind: 'seawall.stack',
    schema: 1,
    supervisor: ownIdentity(),
    startedAt: new Date().toISOString(),
    ready: false,
    addresses,
    namespace,
    prefix,
    bucket,
    region: options.s3.kind === 'external' ? options.s3.access.region : REGION,
    embedded: { temporal: options.temporal.kind === 'embedded', s3: options.s3.kind === 'embedded' },
    children: [],
  };
}

async function runAll(
  specs: ChildSpec[],
  { homeDir, stateFile, onEvent, signal }: StackOptions,
  state: StackState,
  children: SupervisedChild[],
): Promise<void> {
  const started = specs.map((spec) => {
    // Another part may have failed in the meantime; what starts now would not be stopped.
    signal?.throwIfAborted();
    const child = supervise(spec, {
      onEvent,
      onIdentity(identity) {
        state.children = state.children.filter(({ name }) => name !== spec.name);
        if (identity) state.children.push({ name: spec.name, ...identity });
        writeState(homeDir, stateFile, state);
      },
    });
    children.push(child);
    return child.firstReady;
  });
  await Promise.all(started);
}

/** Apps first and side by side (each has its own grace period), then the servers that they need. */
async function stopAll(children: SupervisedChild[], options: StackOptions): Promise<void> {
  const appNames = new Set(options.apps.map(({ name }) => name));
  await Promise.all(children.filter(({ name }) => appNames.has(name)).map((child) => child.stop()));
  await Promise.all(children.filter(({ name }) => !appNames.has(name)).map((child) => child.stop()));
}

function once(work: () => Promise<void>): () => Promise<void> {
  let running: Promise<void> | undefined;
  return () => (running ??= work());
}

/** Rejects as soon as the signal is aborted, without waiting for the work. */
function orAborted<T>(signal: AbortSignal | undefined, work: Promise<T>): Promise<T> {
  if (!signal) return work;
  work.catch(() => undefined);
  return Promise.race([
    work,
    new Promise<never>((_, reject) => {
      const abort = () => reject(signal.reason as Error);
      if (signal.aborted) abort();
      else signal.addEventListener('abort', abort, { once: true });
    }),
  ]);
}
