export { bucketOf, CategoricalBuilder, FREQUENT_LISTED } from './categorical.js';
export { cellEnd, cellStart } from './cells.js';
export { mergeProfiles, mergeQuality, mergeSketches, sortedWrong } from './merge.js';
export { ABSENT_HIGH_WORD, NumericBuilder, quantile } from './numeric.js';
export { BinaryBuilder, clippedLog } from './quality-binary.js';
export { MulticlassBuilder } from './quality-multiclass.js';
export { RegressionBuilder } from './quality-regression.js';
export { type AskedRoles, columnOf, concludeRoles } from './roles.js';
