import { SeawallError, isName, keys, predictionColumns, sequenceKey } from '../contracts/index.js';
import type { ConfigRevision, LivePointer, ReleaseRecord, RunPlan } from '../contracts/index.js';
import { loadModel, warmUp } from '../adapters/onnx/session.js';
import type { Model } from '../adapters/onnx/session.js';
import type { CachedRelease, ModelCache } from './model-cache.js';
import type { ServingStore } from './ports.js';

/** What the pointer names, checked against its release record. Throws `NotFound` or `Corrupt` when they disagree. */
export async function resolveRelease(store: ServingStore, pointer: LivePointer): Promise<CachedRelease> {
  const { model, epoch, champion } = pointer;
  if (!isName(model) || !Number.isSafeInteger(epoch) || !Number.isSafeInteger(champion?.release)) {
    throw new SeawallError('Corrupt', 'The live pointer is not one: model, epoch or champion are missing', REPAIR);
  }
  const key = sequenceKey(keys.releases(model), champion.release);
  const record = (await store.read<ReleaseRecord>(key))?.value;
  if (!record) {
    throw new SeawallError(
      'NotFound',
      `The live pointer of ${model} names release ${champion.release}, but ${key} is missing`,
      REPAIR,
    );
  }
  if (record.release !== champion.release || record.artifact.sha256 !== champion.sha256) {
    const said = `release ${record.release} with ${record.artifact.sha256}`;
    throw new SeawallError(
      'Corrupt',
      `The live pointer of ${model} names release ${champion.release} with ${champion.sha256}, but ${key} says ${said}`,
      REPAIR,
    );
  }
  const config = await configOf(store, model, record.run);
  const featureOrder = config?.features.map(({ name }) => name) ?? null;
  const answering = config && { task: config.task, ...(config.classes && { classes: config.classes }) };
  const { release, sha256 } = champion;
  return { model, release, epoch, sha256, featureOrder, ...(answering && { answering }) };
}
const REPAIR = 'The release before goes on serving; move the pointer with "seawall rollback".';

/** The configuration that the run was pinned to: a newer one may have other features. undefined: none is stored. */
async function configOf(store: ServingStore, model: string, run: number): Promise<RunPlan['config'] | undefined> {
  const plan = (await store.read<RunPlan>(keys.runPlan(model, run)))?.value;
  return plan?.config ?? (await newestConfig(store, model));
}

async function newestConfig(store: ServingStore, model: string): Promise<RunPlan['config'] | undefined> {
  let newest: string | undefined;
  for await (const { key } of store.list(`${keys.configRevisions(model)}/`)) newest = key;
  return newest === undefined ? undefined : (await store.read<ConfigRevision>(newest))?.value.config;
}

/** Fetches (or takes the local copy), loads and warms up. Throws `SeawallError`. */
export async function loadRelease(
  store: ServingStore,
  cache: ModelCache,
  release: CachedRelease,
  intraOpThreads: number,
): Promise<Model> {
  const path = await cache.file(release.sha256, (target) => store.fetchTo(release.sha256, target));
  const { featureOrder, answering } = release;
  const options = { intraOpThreads, ...(featureOrder && { featureOrder }), ...(answering && { answering }) };
  const model = await loadModel(path, options);
  try {
    checkNames(model);
    await warmUp(model);
    return model;
  } catch (error) {
    await model.dispose();
    throw error;
  }
}

/** Features are columns of the log under their own names: they must not meet the log's own columns. */
function checkNames(model: Model): void {
  const reserved: readonly string[] = [...Object.values(predictionColumns), ...model.outputs.map(({ name }) => name)];
  for (const { name } of model.inputs) {
    if (name.startsWith('_') || reserved.includes(name)) {
      throw new SeawallError(
        'InvalidModel',
        `The model's input "${name}" has a name that the prediction log reserves`,
        'Rename the feature: names must not begin with "_", nor be "prediction", "score" or an output of the model.',
      );
    }
  }
}
