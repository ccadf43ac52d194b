/** `trainer check`: starts a trainer as Seawall would, interferes as the world would, and says what of the contract holds. */
import { SeawallError } from '../../../contracts/index.js';
import { createModelJudge, judgeMetrics, type ModelFile, type ModelJudge } from './model.js';
import { fail, type Finding, notJudged, pass, type Point, type PointName, pointsOf } from './points.js';
import type { Sample } from './sample.js';
import { judgeLeftovers, judgePlaces, snapshot } from './places.js';
import { type CheckedTrainer, type Interference, type Started, startTrainer, type StartOptions } from './start.js';

export interface CheckOptions {
  trainer: CheckedTrainer;
  sample: Sample;
  /** For folders, logs and temporary files of all starts. */
  root: string;
  /** Starts at once, once the first one has ended well. Default: 1, since some trainers need the whole device. */
  parallel?: number;
  /** Told when a start begins. */
  onStart?(what: string): void;
}

type Findings = Partial<Record<PointName, Finding>>;
interface Check {
  trainer: CheckedTrainer;
  sample: Sample;
  judge: ModelJudge;
  start(what: string, options: Omit<StartOptions, 'root' | 'dataDir'> & { dataDir?: string }): Promise<Started>;
  all: Started[];
}
/** The first start, and the model that it left. */
interface First {
  started: Started;
  model: ModelFile;
}

/** Equal answers within what float32 loses when sums are taken in another order. */
const SAME_WITHIN = 1e-6;

/** Every point of the contract, in order. @throws Error when this side fails: no folder, no guard */
export async function checkTrainer(options: CheckOptions): Promise<Point[]> {
  const { trainer, sample, root, onStart = () => undefined } = options;
  const all: Started[] = [];
  const start: Check['start'] = async (what, how) => {
    onStart(what);
    const started = await startTrainer(trainer, { dataDir: sample.dataDir, ...how, root });
    all.push(started);
    return started;
  };
  const check = { trainer, sample, start, all, judge: createModelJudge(trainer, sample, root) };
  const placesBefore = await snapshot(trainer, sample, root);
  const started = await start('a whole training', { name: 'whole' });
  const { result } = started;
  const findings: Findings = { starts: judgeStart(started), progress: judgeProgress(started) };
  if (result.kind === 'done') {
    const first = { started, model: result };
    Object.assign(findings, await judgeModel(check, first));
    await inTurn(options.parallel ?? 1, interferences(check, first, findings));
  }
  return pointsOf({
    ...findings,
    ...judgePlaces(placesBefore, await snapshot(trainer, sample, root)),
    leftovers: judgeLeftovers(all),
  });
}

function judgeStart({ result, ms }: Started): Finding {
  if (result.kind === 'done') return pass(`${(ms / 1000).toFixed(1)} s`);
  if (result.kind === 'cancelled') return fail('it was stopped', 'Try again.');
  const said = result.lastLines.slice(-5).join('\n');
  return fail(`${result.message}${said ? ` Its last lines:\n${said}` : ' It printed nothing.'}`, result.next);
}

function judgeProgress({ progress, result }: Started): Finding {
  const next = 'Print a line of JSON on standard output now and then: {"progress": 0.4, "step": 120, "loss": 0.31}';
  if (progress.length === 0) return fail('no line of progress', next);
  const falls = progress.findIndex((line, i) => i > 0 && line.progress < (progress[i - 1] as typeof line).progress);
  if (falls > 0) return fail(`progress falls in line ${falls + 1}, from ${progress[falls - 1]?.progress}`, next);
  const last = progress.at(-1)?.progress;
  if (result.kind === 'done' && last !== 1) return fail(`${progress.length} lines; the last says ${last}, not 1`, next);
  return pass(`${progress.length} lines, up to ${last}`);
}

async function judgeModel({ judge }: Check, { model }: First): Promise<Findings> {
  const scored = await judge.answers(model.model);
  const metrics = await judgeMetrics(model.metrics);
  if (scored instanceof SeawallError) return { metrics, answers: fail(scored.message, scored.next) };
  const { bytes, rowMs } = scored.servable;
  return {
    ...{ metrics, answers: pass(`${bytes} bytes, ${rowMs.toFixed(2)} ms for a row`) },
    unusual: await judge.unusual(model.model),
    parity: await judge.parity(model),
  };
}

/** What is tried after a whole training, each by itself. */
function interferences(check: Check, first: First, findings: Findings): (() => Promise<void>)[] {
  const add = (more: Findings): void => void Object.assign(findings, more);
  return [
    async () => add(await again(check, first)),
    async () => add(await stopped(check, first)),
    async () => add({ resumesKilled: await killed(check, first) }),
    async () => add({ badParameters: await badParameters(check) }),
    async () => add({ badData: await badData(check) }),
  ];
}

async function inTurn(workers: number, tasks: (() => Promise<void>)[]): Promise<void> {
  const queue = [...tasks];
  const work = async (): Promise<void> => {
    for (let task = queue.shift(); task; task = queue.shift()) await task();
  };
  await Promise.all(Array.from({ length: workers }, work));
}

async function again(check: Check, first: First): Promise<Findings> {
  const second = await check.start('the same again', { name: 'again' });
  const next = 'Take every random number from the seed, and sums in a fixed order (threads, reductions on a device).';
  return { deterministic: await sameModel(check, first, second, 'the second training', next) };
}

async function sameModel(
  check: Check,
  first: First,
  { result }: Started,
  what: string,
  next: string,
): Promise<Finding> {
  if (result.kind !== 'done') {
    const how = result.kind === 'failed' ? result.message : 'It was stopped.';
    return fail(`${what} ended without a model. ${how}`, result.kind === 'failed' ? result.next : next);
  }
  const difference = await check.judge.difference(first.model.model, result.model);
  if (difference === undefined) return pass('byte for byte the same model');
  if (difference instanceof SeawallError) return fail(`${what} gave a model that cannot be compared`, difference.next);
  const size = difference.toPrecision(2);
  if (difference <= SAME_WITHIN) return pass(`other bytes, the same answers (largest difference ${size})`);
  return fail(`${what} gave a model that answers otherwise, by up to ${size}`, next);
}

/** SIGTERM in the middle, then a start that goes on. */
async function stopped(check: Check, first: First): Promise<Findings> {
  const interference = { kind: 'stop', when: middleOf(first.started) } as const;
  const started = await check.start('SIGTERM in the middle', { name: 'stopped', interference });
  const { endedAfterMs, ending } = started;
  if (endedAfterMs === undefined) {
    const early = notJudged(`it ended by itself before SIGTERM, after ${(started.ms / 1000).toFixed(1)} s`);
    return { stops: early, saves: early, resumesStopped: early };
  }
  const stops = judgeStop(endedAfterMs, ending, check.trainer.graceMs);
  const saves = judgeSaving(first.started, started);
  if (started.checkpoints.end.length === 0) {
    return { stops, saves, resumesStopped: notJudged('there is no checkpoint to go on from') };
  }
  return { stops, saves, resumesStopped: await resumed(check, first, started, 'SIGTERM') };
}

/** At the first sign of progress; where that comes at the end or not at all, at half of its time. */
function middleOf({ progress, ms }: Started): Interference['when'] {
  const [first] = progress;
  return first && first.atMs < 0.9 * ms && first.progress < 1 ? { at: 'progress' } : { at: 'time', afterMs: ms / 2 };
}

function judgeStop(endedAfterMs: number, ending: Started['ending'], graceMs: number): Finding {
  const seconds = `${(endedAfterMs / 1000).toFixed(1)} s`;
  if (!ending?.exit || ending.killing === 'graceOver') {
    return fail(
      `still there ${graceMs / 1000} s after SIGTERM; it was killed`,
      'On SIGTERM save a checkpoint and exit with 75, or raise trainer.grace.',
    );
  }
  const { code, signal } = ending.exit;
  return pass(`left after ${seconds} ${signal ? `by ${signal}` : `with ${code}`}`);
}

function judgeSaving(first: Started, { checkpoints }: Started): Finding {
  if (checkpoints.end.join() !== checkpoints.interfered.join()) return pass(`${checkpoints.end.length} files`);
  if (first.checkpoints.end.length === 0)
    return notJudged('it keeps no checkpoints: an attempt that is lost begins again');
  return fail(
    'it left without saving',
    'Save on SIGTERM: else a run that is cancelled, or whose host is drained, loses what came after its last checkpoint.',
  );
}

/** SIGKILL at the first checkpoint, then a start that goes on. */
async function killed(check: Check, first: First): Promise<Finding> {
  if (first.started.checkpoints.end.length === 0)
    return notJudged('it keeps no checkpoints: an attempt that is lost begins again');
  const interference = { kind: 'kill', when: { at: 'checkpoint' } } as const;
  const started = await check.start('SIGKILL at the first checkpoint', { name: 'killed', interference });
  if (started.result.kind === 'done') return notJudged('it ended before it could be killed; give it more to do');
  return resumed(check, first, started, 'SIGKILL');
}

async function resumed(check: Check, first: First, { checkpointDir }: Started, after: string): Promise<Finding> {
  const name = `resumed-${after}`;
  const started = await check.start(`going on after ${after}`, { name, checkpointDir });
  const next =
    'Keep in the checkpoint all that decides what follows (state of the optimiser and of random numbers, data order), write it to another name and rename it, and pass over what is torn.';
  const found = await sameModel(check, first, started, `the training that went on after ${after}`, next);
  if (found.verdict !== 'pass') return found;
  const [from, begin] = [started.progress[0]?.progress, first.started.progress[0]?.progress];
  if (from === undefined || begin === undefined) return found;
  const where = from > begin ? `its first line of progress said ${from.toFixed(2)}` : 'it began again from the start';
  return { ...found, seen: `${found.seen}; ${where}` };
}

const UNKNOWN_PARAMETER = 'seawallCheckNoSuchParameter';

async function badParameters(check: Check): Promise<Finding> {
  const params = { [UNKNOWN_PARAMETER]: 1 };
  const { result } = await check.start('an unknown parameter', { name: 'bad-parameters', params });
  return judgeRefusal(
    result,
    64,
    `Refuse parameters that it does not know with exit code 64: a slip of the pen would train another model.`,
  );
}

async function badData(check: Check): Promise<Finding> {
  const dataDir = check.sample.unlabelledDir;
  const { result } = await check.start('data without the label', { name: 'bad-data', dataDir });
  return judgeRefusal(
    result,
    65,
    'Exit with 65 when the data are not what they must be: Seawall then says so, and does not try again.',
  );
}

function judgeRefusal(result: Started['result'], wanted: number, next: string): Finding {
  if (result.kind === 'done') return fail('it trained a model all the same', next);
  if (result.kind === 'cancelled') return notJudged('it was stopped');
  const said = result.lastLines.at(-1);
  if (result.exitCode === wanted) return pass(`${wanted}${said ? `: ${said}` : ', without a word'}`);
  return fail(
    `${result.exitCode === null ? result.message : `it exited with ${result.exitCode}`}${said ? `: ${said}` : ''}`,
    next,
  );
}
