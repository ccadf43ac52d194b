/** The trainer's environment: clean, plus what the operator allows, plus the trainer contract. */

/**
 * Names that a trainer may have from its worker's environment unless the operator says otherwise: what programs need
 * to start, to find their libraries and the device, and to speak to a proxy. No credentials among them.
 */
export const DEFAULT_ALLOWED_VARIABLES: readonly string[] = [
  'PATH',
  'HOME',
  'USER',
  'TMPDIR',
  'TZ',
  'LANG',
  'LC_ALL',
  'LD_LIBRARY_PATH',
  'SSL_CERT_FILE',
  'SSL_CERT_DIR',
  'CUDA_VISIBLE_DEVICES',
  'NVIDIA_VISIBLE_DEVICES',
  'CUDA_HOME',
  'OMP_NUM_THREADS',
];

/** The allowed ones of `environment` that are set. */
export function allowedEnvironment(
  environment: Readonly<Record<string, string | undefined>>,
  names: readonly string[] = DEFAULT_ALLOWED_VARIABLES,
): Record<string, string> {
  const chosen: Record<string, string> = {};
  for (const name of names) {
    const value = environment[name];
    if (value !== undefined) chosen[name] = value;
  }
  return chosen;
}

export interface TrainerPlaces {
  dataDir: string;
  modelDir: string;
  checkpointDir: string;
  /** `cpu`, `cuda:0`, … */
  device: string;
  /** `<namespace>/<workerId>/<model>/<n>/<attempt>`. */
  attemptId: string;
  /** Parameters, features, label, task, seed; becomes JSON. */
  params: unknown;
}

/** The whole environment; the contract's variables win over allowed ones of the same name. */
export function trainerEnvironment(allowed: Record<string, string>, places: TrainerPlaces): Record<string, string> {
  return {
    // Progress must arrive while it is news; Python holds it back on a pipe.
    PYTHONUNBUFFERED: '1',
    ...allowed,
    SEAWALL_DATA_DIR: places.dataDir,
    SEAWALL_MODEL_DIR: places.modelDir,
    SEAWALL_CHECKPOINT_DIR: places.checkpointDir,
    SEAWALL_PARAMS: JSON.stringify(places.params),
    SEAWALL_DEVICE: places.device,
    SEAWALL_ATTEMPT: places.attemptId,
    // The same folders under SageMaker's and Vertex AI's names: a program written for them finds its way.
    SM_CHANNEL_TRAINING: places.dataDir,
    SM_MODEL_DIR: places.modelDir,
    AIP_MODEL_DIR: places.modelDir,
    AIP_CHECKPOINT_DIR: places.checkpointDir,
  };
}
