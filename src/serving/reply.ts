import { predictionColumns } from '../contracts/index.js';
import type { Column, Columns, Model, NamedType } from '../adapters/onnx/session.js';
import type { InferRequest } from './request.js';
import { DATATYPES } from './tensors.js';

/** The answer of the Open Inference Protocol v2 as JSON text; `model_version` is the number of the release that scored. */
export function inferReply(
  model: string,
  release: number,
  request: InferRequest,
  outputs: readonly NamedType[],
  scored: Columns,
): string {
  const parts: string[] = [];
  const wants = (name: string): boolean => request.wanted === null || request.wanted.includes(name);
  const add = (name: string, datatype: string, data: string): void => {
    parts.push(`{"name":"${name}","datatype":"${datatype}","shape":[${request.rows},1],"data":[${data}]}`);
  };
  for (const { name, type } of outputs)
    if (wants(name)) add(name, DATATYPES[type][0] as string, valuesOf(scored[name] as Column));
  // Without it the caller could never deliver labels: it comes even when it was not asked for.
  if (request.idsGenerated || request.wanted?.includes(predictionColumns.id)) {
    add(predictionColumns.id, 'BYTES', JSON.stringify(request.predictionIds).slice(1, -1));
  }
  const id = request.id === undefined ? '' : `"id":${JSON.stringify(request.id)},`;
  return `{"model_name":"${model}","model_version":"${release}",${id}"outputs":[${parts.join(',')}]}`;
}

/** As JSON, without brackets; JSON has no NaN. */
function valuesOf(column: Column): string {
  if (column instanceof BigInt64Array) return column.join(',');
  if (Array.isArray(column)) return JSON.stringify(column).slice(1, -1);
  return Array.from(column, (value) => (Number.isFinite(value) ? String(value) : 'null')).join(',');
}

/** Metadata of the Open Inference Protocol v2; `_…` inputs are optional and go to the log, not to the model. */
export function modelMetadata(
  model: string,
  release: number,
  { inputs, outputs }: Pick<Model, 'inputs' | 'outputs'>,
): object {
  const described = ({ name, type }: NamedType) => ({ name, datatype: DATATYPES[type][0], shape: [-1, 1] });
  return {
    name: model,
    versions: [String(release)],
    platform: 'onnx',
    inputs: inputs.map(described),
    outputs: outputs.map(described),
  };
}
