/** Which version of its dataset a model learns from. */
import {
  type DatasetPolicy,
  type DatasetTag,
  keys,
  type LivePointer,
  type ModelConfig,
  type Observation,
  type ReleaseRecord,
  SeawallError,
  type Sha256,
} from '../contracts/index.js';
import type { DatasetStore, JsonStore, RecordStore } from './ports.js';

export interface FollowPorts {
  json: JsonStore;
  records: RecordStore;
  datasets: DatasetStore;
}

/**
 * The version that the policy follows at this moment; undefined: nothing is committed, tagged or stored under what it names.
 * @throws SeawallError `BadInput`: the pinned digits begin several versions
 */
export async function followedVersion(
  ports: FollowPorts,
  { name, follow }: DatasetPolicy,
): Promise<Sha256 | undefined> {
  if (!follow) return (await ports.datasets.head(name))?.version;
  if ('tag' in follow) return (await ports.records.newest<DatasetTag>(keys.datasetTag(name, follow.tag)))?.version;
  const folder = keys.datasetVersions(name);
  const found: Sha256[] = [];
  for await (const { key } of ports.json.list(folder + follow.pinned))
    found.push(key.slice(folder.length, -'.json'.length));
  if (found.length <= 1) return found[0];
  throw new SeawallError(
    'BadInput',
    `${found.length} versions of dataset ${name} begin with ${follow.pinned}, to which dataset.follow is pinned`,
    'Give the whole digest, as `seawall dataset log` prints it, and apply the configuration.',
  );
}

/**
 * What the loop must know of its dataset besides the version. `unlearntVersion` only where a changed dataset can warrant a retrain:
 * what nothing can follow from is not asked about.
 */
export async function datasetNews(
  { records }: FollowPorts,
  { name: model, gate, dataset }: ModelConfig,
  pointer: LivePointer | undefined,
  version: Sha256 | undefined,
): Promise<Pick<Observation, 'unlearntVersion' | 'learnsFromLogs'>> {
  const logs = dataset.from === 'logs' ? { learnsFromLogs: true } : {};
  if (!gate.dataset || !pointer || version === undefined) return logs;
  const release = await records.read<ReleaseRecord>(keys.releases(model), pointer.champion.release);
  const learnt = release?.dataset.name === dataset.name && release.dataset.version === version;
  return { ...logs, unlearntVersion: learnt ? null : version };
}
