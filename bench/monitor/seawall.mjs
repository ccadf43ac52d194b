// The comparison as `seawall compare --json` makes it, timed from the files to the JSON, without the start of the process.
// Arguments: reference, current, label, prediction.
import { comparisonOf } from '../../dist/src/cli/profile/document.js';
import { currentSide, referenceSide } from '../../dist/src/cli/profile/compare.js';

const [reference, current, label, prediction] = process.argv.slice(2);
const since = performance.now();
const context = { cwd: process.cwd(), options: { label, prediction }, output: { json: true, progress() {} } };
const before = await referenceSide(context, reference);
const now = await currentSide(context, current, before);
const text = JSON.stringify(comparisonOf(before, now), null, 2);
const seconds = (performance.now() - since) / 1000;
const { auc, accuracy, logLoss } = JSON.parse(text).performance.current;
console.log(JSON.stringify({ seconds, auc, accuracy, logLoss }));
