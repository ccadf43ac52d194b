import { readFile, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { InferenceSession, type Tensor } from 'onnxruntime-node';
import { type Answering, type FeatureType, MAX_MODEL_BYTES, type Output, outputsOf } from '../../contracts/index.js';
import { alone } from './alone.js';
import { inspectModel, type Inspection } from './model-bytes.js';
import { feederOf } from './feeder.js';
import { invalid } from './invalid.js';

/** One column per feature or output: float32 → Float32Array, int64 → BigInt64Array, string → string[]; all of the same length. */
export type Column = Float32Array | BigInt64Array | string[];
export type Columns = Record<string, Column>;

/** A feature that a model takes, or an output that it gives. */
export interface NamedType {
  name: string;
  type: FeatureType;
}
export interface Model {
  /** The features, in the model's order. A matrix model shows the features of its one input. */
  inputs: NamedType[];
  /** What its task answers with, `prediction` first; other outputs are never asked for. */
  outputs: NamedType[];
  /** Scores `rows` rows: a column per output. Throws `InvalidModel` when the model fails on them or answers in a wrong shape. */
  predict(columns: Columns, rows: number): Promise<Columns>;
  dispose(): Promise<void>;
}
export interface LoadOptions {
  /** Decides which outputs there must be. Default: binary. */
  answering?: Answering;
  /** Names of the columns of a matrix model (one float32 input [N, F]), in the order of the configuration. */
  featureOrder?: readonly string[];
  intraOpThreads?: number;
  maxBytes?: number;
  /** Where the model may be linked or copied to while it is loaded. Default: the system's. */
  scratchDir?: string;
}

/** Whose operators onnxruntime has without extensions. */
const DOMAINS = ['', 'ai.onnx', 'ai.onnx.ml', 'com.microsoft'];

/**
 * Loads an ONNX model from a file whose digest the caller has verified.
 * @throws SeawallError `InvalidModel`: too big, not ONNX, external data, wrong inputs or outputs
 */
export async function loadModel(path: string, options: LoadOptions = {}): Promise<Model> {
  await refuseUnsafe(path, options.maxBytes ?? MAX_MODEL_BYTES);
  const session = await createSession(path, options);
  try {
    const outputs = checkedOutputs(path, session, outputsOf(options.answering ?? { task: 'binary' }));
    const feeder = feederOf(path, session, options.featureOrder);
    return {
      inputs: feeder.inputs,
      outputs,
      predict: async (columns, rows) => predict(path, session, outputs, feeder.feeds(columns, rows), rows),
      dispose: () => session.release(),
    };
  } catch (error) {
    await session.release();
    throw error;
  }
}

/** Scores empty rows (zeros, empty texts), so that the first real request finds warm memory and wrong shapes show at once. */
export async function warmUp(model: Model, rows = 64): Promise<void> {
  const columns: Columns = {};
  for (const { name, type } of model.inputs) columns[name] = emptyColumn(type, rows);
  await model.predict(columns, rows);
}

export function emptyColumn(type: FeatureType, rows: number): Column {
  if (type === 'float32') return new Float32Array(rows);
  return type === 'int64' ? new BigInt64Array(rows) : new Array<string>(rows).fill('');
}

async function refuseUnsafe(path: string, maxBytes: number): Promise<void> {
  const { size } = await stat(path);
  if (size === 0) throw invalid(path, 'is an empty file');
  if (size > maxBytes) throw invalid(path, `has ${size} bytes; the limit is ${maxBytes}`);
  let found: Inspection;
  try {
    found = inspectModel(await readFile(path));
  } catch (cause) {
    throw invalid(path, `is not a readable ONNX file (${(cause as Error).message})`, cause);
  }
  if (found.externalData)
    throw invalid(path, 'keeps weights in other files (external data); all must be in the one file');
  for (const [domain, operator] of found.operators) {
    if (DOMAINS.includes(domain) || found.functions.has(domain)) continue;
    const words = `uses the operator "${operator}" of the domain "${domain}", which the runtime does not have`;
    throw invalid(path, `${words}; it has those of ONNX, ai.onnx.ml and com.microsoft`);
  }
}

async function createSession(
  path: string,
  { intraOpThreads: intraOpNumThreads = 1, scratchDir = tmpdir() }: LoadOptions,
): Promise<InferenceSession> {
  try {
    // Severity 3: the runtime writes warnings to standard error by itself, past our log.
    const options = { intraOpNumThreads, interOpNumThreads: 1, logSeverityLevel: 3 } as const;
    return await alone(path, scratchDir, (own) => InferenceSession.create(own, options));
  } catch (cause) {
    throw invalid(path, `cannot be loaded: ${(cause as Error).message}`, cause);
  }
}

/** What converters make of a classifier's probabilities by default. */
const NO_TENSOR = 'no tensor (a ZipMap? export with zipmap=False)';

function checkedOutputs(path: string, session: InferenceSession, expected: Output[]): NamedType[] {
  return expected.map(({ name, types }) => {
    const output = session.outputMetadata.find((each) => each.name === name);
    if (!output) throw invalid(path, `has no output "${name}"; it has: ${session.outputNames.join(', ')}`);
    const found = output.isTensor ? output.type : NO_TENSOR;
    if (!types.some((each) => each === found))
      throw invalid(path, `has the output "${name}" as ${found}; it must be ${types.join(' or ')}`);
    return { name, type: types[0] };
  });
}

async function predict(
  path: string,
  session: InferenceSession,
  outputs: NamedType[],
  feeds: Record<string, Tensor>,
  rows: number,
): Promise<Columns> {
  let answers: InferenceSession.ReturnType;
  try {
    answers = await session.run(
      feeds,
      outputs.map(({ name }) => name),
    );
  } catch (cause) {
    throw invalid(path, `failed on ${rows} rows: ${(cause as Error).message}`, cause);
  }
  const columns: Columns = {};
  for (const { name, type } of outputs) {
    const dims = answers[name]?.dims ?? [];
    const fits = dims[0] === rows && (dims.length === 1 || (dims.length === 2 && dims[1] === 1));
    if (!fits)
      throw invalid(path, `answered "${name}" as [${dims.join(', ')}] for ${rows} rows; it must be [N] or [N, 1]`);
    const data = answers[name]?.data as Column;
    // Classes are texts everywhere but in some models.
    columns[name] = type === 'string' && data instanceof BigInt64Array ? Array.from(data, String) : data;
  }
  return columns;
}
