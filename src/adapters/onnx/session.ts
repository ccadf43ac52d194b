import { readFile, stat } from 'node:fs/promises';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { SeawallError, binaryOutputs } from '../../contracts/index.js';
import type { FeatureType } from '../../contracts/index.js';
import { hasExternalData } from './external-data.js';

/** One column per feature: float32 → Float32Array, int64 → BigInt64Array, string → string[]; all of the same length. */
export type Column = Float32Array | BigInt64Array | string[];
export type Columns = Record<string, Column>;

export interface ModelInput {
  name: string;
  type: FeatureType;
}
export interface Scored {
  prediction: BigInt64Array;
  /** Probability of the positive class, [N]. */
  score: Float32Array;
}
export interface Model {
  /** The features, in the model's order. A matrix model shows the features of its one input. */
  inputs: ModelInput[];
  outputs: string[];
  /** Scores `rows` rows. Throws `InvalidModel` when the model fails on them or answers in a wrong shape. */
  predict(columns: Columns, rows: number): Promise<Scored>;
  dispose(): Promise<void>;
}
export interface LoadOptions {
  /** Names of the columns of a matrix model (one float32 input [N, F]), in the order of the configuration. */
  featureOrder?: readonly string[];
  intraOpThreads?: number;
  maxBytes?: number;
}

const MAX_MODEL_BYTES = 1 << 30;
const EXPORT_HINT =
  'Export the model with one input per feature ([N, 1], float32, int64 or string), or one float32 input [N, F], and the outputs "prediction" (int64) and "score" (float32).';

/**
 * Loads an ONNX model from a file whose digest the caller has verified.
 * @throws SeawallError `InvalidModel`: too big, not ONNX, external data, wrong inputs or outputs
 */
export async function loadModel(path: string, options: LoadOptions = {}): Promise<Model> {
  await refuseUnsafe(path, options.maxBytes ?? MAX_MODEL_BYTES);
  const session = await createSession(path, options.intraOpThreads ?? 1);
  try {
    checkOutputs(path, session);
    const feeder = feederOf(path, session, options.featureOrder);
    return {
      inputs: feeder.inputs,
      outputs: [...session.outputNames],
      predict: async (columns, rows) => predict(path, session, feeder.feeds(columns, rows), rows),
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

const invalid = (path: string, what: string, cause?: unknown): SeawallError =>
  new SeawallError('InvalidModel', `The model ${path} ${what}`, EXPORT_HINT, { cause });

async function refuseUnsafe(path: string, maxBytes: number): Promise<void> {
  const { size } = await stat(path);
  if (size === 0) throw invalid(path, 'is an empty file');
  if (size > maxBytes) throw invalid(path, `has ${size} bytes; the limit is ${maxBytes}`);
  let external: boolean;
  try {
    external = hasExternalData(await readFile(path));
  } catch (cause) {
    throw invalid(path, `is not a readable ONNX file (${(cause as Error).message})`, cause);
  }
  if (external) throw invalid(path, 'keeps weights in other files (external data); all must be in the one file');
}

async function createSession(path: string, intraOpNumThreads: number): Promise<InferenceSession> {
  try {
    // Severity 3: the runtime writes warnings to standard error by itself, past our log.
    return await InferenceSession.create(path, { intraOpNumThreads, interOpNumThreads: 1, logSeverityLevel: 3 });
  } catch (cause) {
    throw invalid(path, `cannot be loaded: ${(cause as Error).message}`, cause);
  }
}

function checkOutputs(path: string, session: InferenceSession): void {
  const expected = { prediction: 'int64', score: 'float32' } as const;
  for (const name of binaryOutputs) {
    const output = session.outputMetadata.find((each) => each.name === name);
    if (!output) throw invalid(path, `has no output "${name}"; it has: ${session.outputNames.join(', ')}`);
    const type = output.isTensor ? output.type : 'not a tensor';
    if (type !== expected[name])
      throw invalid(path, `has the output "${name}" as ${type}; it must be ${expected[name]}`);
  }
}

interface Feeder {
  inputs: ModelInput[];
  feeds(columns: Columns, rows: number): Record<string, Tensor>;
}

function feederOf(path: string, session: InferenceSession, featureOrder: readonly string[] | undefined): Feeder {
  const inputs = session.inputMetadata.map((meta) => {
    if (!meta.isTensor) throw invalid(path, `has the input "${meta.name}", which is not a tensor`);
    const shape = meta.shape;
    if (shape.length !== 2)
      throw invalid(path, `has the input "${meta.name}" with ${shape.length} dimensions; it needs 2`);
    if (!isFeatureType(meta.type)) {
      throw invalid(path, `has the input "${meta.name}" as ${meta.type}; it must be float32, int64 or string`);
    }
    return { name: meta.name, type: meta.type, width: shape[1] as number | string };
  });
  const [first] = inputs;
  if (!first) throw invalid(path, 'has no inputs');
  if (inputs.length === 1 && first.type === 'float32' && isMatrix(first.width, featureOrder)) {
    return matrixFeeder(path, first.name, first.width, featureOrder);
  }
  for (const { name, width } of inputs) {
    if (typeof width === 'number' && width !== 1)
      throw invalid(path, `has the input "${name}" of width ${width}; it needs [N, 1]`);
  }
  return columnFeeder(inputs.map(({ name, type }) => ({ name, type })));
}

const isFeatureType = (type: string): type is FeatureType =>
  type === 'float32' || type === 'int64' || type === 'string';

function isMatrix(width: number | string, featureOrder: readonly string[] | undefined): boolean {
  return typeof width === 'number' ? width !== 1 : (featureOrder?.length ?? 1) > 1;
}

function columnFeeder(inputs: ModelInput[]): Feeder {
  return {
    inputs,
    feeds: (columns, rows) => {
      const feeds: Record<string, Tensor> = {};
      for (const { name, type } of inputs) feeds[name] = tensorOf(type, columnOf(columns, name, rows), [rows, 1]);
      return feeds;
    },
  };
}

function matrixFeeder(
  path: string,
  input: string,
  width: number | string,
  featureOrder: readonly string[] | undefined,
): Feeder {
  if (!featureOrder)
    throw invalid(path, `has one input "${input}" [N, ${width}], and nothing says which features these are`);
  if (typeof width === 'number' && width !== featureOrder.length) {
    throw invalid(path, `takes ${width} numbers per row, but the configuration has ${featureOrder.length} features`);
  }
  return {
    inputs: featureOrder.map((name) => ({ name, type: 'float32' })),
    feeds: (columns, rows) => {
      const cells = new Float32Array(rows * featureOrder.length);
      featureOrder.forEach((name, f) => {
        const column = columnOf(columns, name, rows) as Float32Array;
        for (let i = 0, at = f; i < rows; i++, at += featureOrder.length) cells[at] = column[i] as number;
      });
      return { [input]: new Tensor('float32', cells, [rows, featureOrder.length]) };
    },
  };
}

function columnOf(columns: Columns, name: string, rows: number): Column {
  const column = columns[name];
  if (column?.length === rows) return column;
  const found = column ? `has ${column.length} rows instead of ${rows}` : 'is missing';
  throw new SeawallError(
    'BadInput',
    `The feature "${name}" ${found}`,
    'Give every feature of the model, with the same number of rows.',
  );
}

function tensorOf(type: FeatureType, column: Column, dims: number[]): Tensor {
  if (type === 'float32') return new Tensor('float32', column as Float32Array, dims);
  if (type === 'int64') return new Tensor('int64', column as BigInt64Array, dims);
  return new Tensor('string', column as string[], dims);
}

async function predict(
  path: string,
  session: InferenceSession,
  feeds: Record<string, Tensor>,
  rows: number,
): Promise<Scored> {
  let outputs: InferenceSession.ReturnType;
  try {
    outputs = await session.run(feeds, [...binaryOutputs]);
  } catch (cause) {
    throw invalid(path, `failed on ${rows} rows: ${(cause as Error).message}`, cause);
  }
  for (const name of binaryOutputs) {
    const dims = outputs[name]?.dims ?? [];
    const fits = dims[0] === rows && (dims.length === 1 || (dims.length === 2 && dims[1] === 1));
    if (!fits)
      throw invalid(path, `answered "${name}" as [${dims.join(', ')}] for ${rows} rows; it must be [N] or [N, 1]`);
  }
  return { prediction: outputs['prediction']?.data as BigInt64Array, score: outputs['score']?.data as Float32Array };
}
