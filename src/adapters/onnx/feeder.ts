/** From columns to a model's input tensors: one per feature, or one matrix. */
import { type InferenceSession, Tensor } from 'onnxruntime-node';
import { type FeatureType, SeawallError } from '../../contracts/index.js';
import { invalid } from './invalid.js';
import type { Column, Columns, NamedType } from './session.js';

export interface Feeder {
  inputs: NamedType[];
  feeds(columns: Columns, rows: number): Record<string, Tensor>;
}

export function feederOf(path: string, session: InferenceSession, featureOrder: readonly string[] | undefined): Feeder {
  const inputs = session.inputMetadata.map((meta) => {
    if (!meta.isTensor) throw invalid(path, `has the input "${meta.name}", which is not a tensor`);
    const shape = meta.shape;
    if (shape.length !== 2)
      throw invalid(path, `has the input "${meta.name}" with ${shape.length} dimensions; it needs 2`);
    if (typeof shape[0] === 'number' && shape[0] >= 0) {
      const words = `has the input "${meta.name}" for exactly ${shape[0]} rows at a time`;
      throw invalid(path, `${words}; the first dimension must be free, as ["N", 1]`);
    }
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

function columnFeeder(inputs: NamedType[]): Feeder {
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
