/** The outs of a pipeline: `dvc.yaml` says what its stages make and how it is kept, `dvc.lock` which content that was. */
import { posix } from 'node:path';
import { z } from 'zod';
import { contentOf, isTrue, outShape, parseYaml, placeOf, type DvcOut, type OutEntry } from './metadata.js';
import { refusal, type Refusal } from './refusal.js';

/** `path`, or `{path: {cache, remote, …}}`; a plot may have a list of such. */
const declaredOut = z.union([z.string(), z.record(z.string(), z.unknown())]);
const stageShape = z.looseObject({
  wdir: z.string().optional(),
  outs: z.array(declaredOut).optional(),
  metrics: z.array(declaredOut).optional(),
  plots: z.array(declaredOut).optional(),
});
type Stage = z.infer<typeof stageShape>;
/** `foreach` has the stage under `do`; `matrix` beside it. */
const pipelineShape = z.looseObject({
  stages: z.record(z.string(), z.looseObject({ ...stageShape.shape, do: stageShape.optional() })).optional(),
});
const lockShape = z.looseObject({
  schema: z.literal('2.0', 'is not "2.0": run `dvc repro` or `dvc commit` with DVC 3'),
  stages: z.record(z.string(), z.looseObject({ outs: z.array(outShape).optional() })).optional(),
});

interface Declared {
  path: string;
  cached: boolean;
  remote: string | undefined;
}

export function readPipeline(file: string, text: string, lockText: string | undefined): DvcOut[] {
  const { stages = {} } = parseYaml(text, file, pipelineShape);
  const lockFile = posix.join(posix.dirname(file), 'dvc.lock');
  const locked = lockText === undefined ? {} : (parseYaml(lockText, lockFile, lockShape).stages ?? {});
  return Object.entries(stages).flatMap(([name, outer]) => {
    const stage = outer.do ?? outer;
    // `prepare@2024` is one of several that `foreach` or `matrix` makes. Entries of stages that are gone stay in dvc.lock: DVC
    // looks at none of them, and neither do we.
    const runs = Object.entries(locked).filter(([key]) => key === name || key.startsWith(`${name}@`));
    const declared = declaredOuts(stage);
    const entries = runs.flatMap(([, run]) => run.outs ?? []);
    const made = runs.flatMap(([key, run]) =>
      (run.outs ?? []).map((entry) => outOf(file, key, stage, declared, entry, isTrue(outer['frozen']))),
    );
    const missing = declared.filter(({ path }) => !entries.some((entry) => matches(path, entry.path)));
    return [...made, ...missing.map((each) => neverMade(file, name, stage, each))];
  });
}

function declaredOuts(stage: Stage): Declared[] {
  return [stage.outs, stage.metrics, stage.plots].flatMap((list = []) =>
    list.flatMap((item) => {
      if (typeof item === 'string') return [{ path: item, cached: true, remote: undefined }];
      return Object.entries(item).map(([path, settings]) => {
        const { cache = 'true', remote } = Object.assign({}, ...[settings].flat()) as Record<string, unknown>;
        return { path, cached: isTrue(cache), remote: typeof remote === 'string' ? remote.toLowerCase() : undefined };
      });
    }),
  );
}

function outOf(file: string, key: string, stage: Stage, all: Declared[], entry: OutEntry, frozen: boolean): DvcOut {
  const trackedBy = `${file}:${key}`;
  const { wdir = '.' } = stage;
  const { path, outside } = placeOf(posix.dirname(file), wdir, entry.path, trackedBy);
  const declared = all.find((each) => each.path === entry.path) ?? all.find((each) => matches(each.path, entry.path));
  const problem =
    (isTemplate(wdir) ? templatedFolder : undefined) ??
    outside ??
    (declared ? undefined : undeclared) ??
    (frozen ? frozenStage(trackedBy) : undefined);
  const content = problem ?? contentOf(entry, declared?.cached ?? true);
  return { path, trackedBy, remote: declared?.remote, content };
}

function neverMade(file: string, name: string, stage: Stage, declared: Declared): DvcOut {
  const { path } = placeOf(posix.dirname(file), stage.wdir ?? '.', declared.path, name);
  const content = declared.cached
    ? refusal('dvc.lock has no content of it', `Run \`dvc repro ${name}\`, or \`dvc commit\`, first.`)
    : contentOf({ path }, false);
  return { path, trackedBy: `${file}:${name}`, remote: declared.remote, content };
}

const isTemplate = (text: string): boolean => text.includes('${');

/** Whether a declared path, in which `${…}` stands for anything, is this one. */
function matches(declared: string, path: string): boolean {
  if (!isTemplate(declared)) return posix.normalize(declared) === posix.normalize(path);
  const literals = declared.split(/(?:\$\{[^}]*\})+/).map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'));
  return new RegExp(`^${literals.join('.*')}$`, 'su').test(path);
}

const templatedFolder: Refusal = refusal(
  "its stage's `wdir` has a variable, and variables of dvc.yaml are not resolved",
  'Write the folder into the paths of `outs` instead of `wdir`, or leave it out.',
);
const undeclared: Refusal = refusal(
  'dvc.lock lists it, but its stage in dvc.yaml no longer makes it',
  'Run `dvc repro` (or `dvc commit`), so that the two agree.',
);
const frozenStage = (trackedBy: string): Refusal =>
  refusal(
    'its stage is frozen: what dvc.lock says of it may not belong to its inputs',
    `Run \`dvc unfreeze ${trackedBy}\` and \`dvc repro\`, or leave it out.`,
  );
