import { SeawallError } from '../../contracts/index.js';

const EXPORT_HINT =
  'Export the model with one input per feature ([N, 1], float32, int64 or string), or one float32 input [N, F], and the outputs of its task: "prediction" (binary: int64, with "score" float32; multiclass: string or int64, with "score_<class>" float32; regression: float32).';

/** A model that cannot be served, and in words why. */
export const invalid = (path: string, what: string, cause?: unknown): SeawallError =>
  new SeawallError('InvalidModel', `The model ${path} ${what}`, EXPORT_HINT, { cause });
