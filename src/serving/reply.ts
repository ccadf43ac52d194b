import { predictionColumns } from '../contracts/index.js';
import type { ModelInput, Scored } from '../adapters/onnx/session.js';
import type { InferRequest } from './request.js';
import { DATATYPES } from './tensors.js';

/** The answer of the Open Inference Protocol v2 as JSON text; `model_version` is the number of the release that scored. */
export function inferReply(model: string, release: number, request: InferRequest, scored: Scored): string {
  const outputs: string[] = [];
  const wants = (name: string): boolean => request.wanted === null || request.wanted.includes(name);
  const add = (name: string, datatype: string, data: string): void => {
    outputs.push(`{"name":"${name}","datatype":"${datatype}","shape":[${request.rows},1],"data":[${data}]}`);
  };
  if (wants('prediction')) add('prediction', 'INT64', scored.prediction.join(','));
  if (wants('score')) add('score', 'FP32', floatTexts(scored.score).join(','));
  // Without it the caller could never deliver labels: it comes even when it was not asked for.
  if (request.idsGenerated || request.wanted?.includes(predictionColumns.id)) {
    add(predictionColumns.id, 'BYTES', JSON.stringify(request.predictionIds).slice(1, -1));
  }
  const id = request.id === undefined ? '' : `"id":${JSON.stringify(request.id)},`;
  return `{"model_name":"${model}","model_version":"${release}",${id}"outputs":[${outputs.join(',')}]}`;
}

function floatTexts(values: Float32Array): string[] {
  return Array.from(values, (value) => (Number.isFinite(value) ? String(value) : 'null'));
}

/** Metadata of the Open Inference Protocol v2; `_…` inputs are optional and go to the log, not to the model. */
export function modelMetadata(model: string, release: number, inputs: readonly ModelInput[]): object {
  return {
    name: model,
    versions: [String(release)],
    platform: 'onnx',
    inputs: inputs.map(({ name, type }) => ({ name, datatype: DATATYPES[type][0], shape: [-1, 1] })),
    outputs: [
      { name: 'prediction', datatype: 'INT64', shape: [-1, 1] },
      { name: 'score', datatype: 'FP32', shape: [-1, 1] },
    ],
  };
}
