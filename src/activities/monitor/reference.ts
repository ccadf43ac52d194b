/** What a window is held against, and which of its columns that says. */
import {
  type Answering,
  type FeatureType,
  keys,
  outputsOf,
  type Quality,
  type ReferenceProfile,
  type ReleaseRecord,
  SeawallError,
  type Sha256,
} from '../../contracts/index.js';
import type { ExpectedColumn, Look } from './ports.js';

export interface Reference {
  release: number;
  digest: Sha256;
  value: ReferenceProfile;
}

/** What the champion was accepted on. */
export async function championReference(look: Look): Promise<Reference> {
  const { release } = look.pointer.champion;
  const { ports, model } = look;
  const record = await ports.records.read<ReleaseRecord>(keys.releases(model), release);
  if (!record) {
    throw new SeawallError(
      'NotFound',
      `Release ${release} of ${model} is live, but ${keys.releases(model)} has no record of it: there is no reference to monitor against.`,
      'Restore the record from a backup of the bucket, or roll back to a release that has one.',
    );
  }
  return readReference(look, release, record.reference);
}

/** @throws SeawallError `NotFound`: the reference is of another version */
export async function readReference({ ports, model }: Look, release: number, digest: Sha256): Promise<Reference> {
  const value = await ports.blobs.readJson<ReferenceProfile>(digest);
  if (value.schema === 2) return { release, digest, value };
  throw new SeawallError(
    'NotFound',
    `The reference of release ${release} of ${model} has schema ${String(value.schema)}; this Seawall reads schema 2.`,
    'It was made by a development version: start the model anew under a fresh prefix.',
  );
}

/** What the reference's model answers. */
export function answeringOf(quality: Quality | null): Answering {
  if (quality?.task === 'multiclass') return { task: 'multiclass', classes: quality.classes };
  return { task: quality?.task ?? 'binary' };
}

/**
 * The columns of a window: the champion's features and its answers. They are the reference's, not those of the newest configuration:
 * a feature that was added there appears in the logs only after a model uses it, and must not block the retraining that would.
 */
export function expectedColumns({ config }: Look, { value }: Reference): ExpectedColumn[] {
  const answering = answeringOf(value.profile.quality);
  const answers = new Set(outputsOf(answering).map(({ name }) => name));
  const judged = judgedOutput(answering);
  const features = value.profile.columns.filter(({ name }) => name !== value.labelColumn && !answers.has(name));
  const typeOf = ({ name, sketch }: (typeof features)[number]): FeatureType => {
    if (sketch.kind === 'categorical') return 'string';
    return config.config.features.find((feature) => feature.name === name)?.type === 'int64' ? 'int64' : 'float32';
  };
  return [
    ...features.map((column): ExpectedColumn => ({ name: column.name, type: typeOf(column), output: false })),
    { ...judged, output: true },
  ];
}

/** The answer whose values are checked and compared. */
function judgedOutput({ task }: Answering): { name: string; type: FeatureType } {
  switch (task) {
    case 'binary':
      return { name: 'score', type: 'float32' };
    case 'multiclass':
      return { name: 'prediction', type: 'string' };
    case 'regression':
      return { name: 'prediction', type: 'float32' };
  }
}
