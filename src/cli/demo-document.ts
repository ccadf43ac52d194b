/** What the example prints at its end: for programs, and for people. */
import type { FlightsDocument } from '../../examples/flights/document.js';
import { approvedText, comparisonLines } from '../../examples/flights/lines.js';
import type { Teller } from '../../examples/flights/teller.js';
import { MODEL } from '../../examples/flights/world.js';
import type { Stack } from '../stack/stack.js';

/** What `--json` prints at the end. */
export type DemoDocument = FlightsDocument & {
  addresses: Stack['addresses'] & { workflows?: string };
  namespace: string;
  bucket: string;
  prefix: string;
  /** The report's file: one page, to be opened in a browser. */
  report: string;
  elapsedSeconds: number;
};

export const workflowsUrl = ({ addresses, namespace }: Stack): string | undefined =>
  addresses.ui && `${addresses.ui}/namespaces/${namespace}/workflows`;

/** The story's document, with where its stack answers and where its report lies. */
export function describeAll(
  document: FlightsDocument,
  { stack, teller, report }: { stack: Stack; teller: Teller; report: string },
): DemoDocument {
  const { addresses, namespace, bucket, prefix } = stack;
  const workflows = workflowsUrl(stack);
  const elapsedSeconds = Math.round(teller.elapsedSeconds() * 10) / 10;
  const places = { ...addresses, ...(workflows ? { workflows } : {}) };
  return { ...document, addresses: places, namespace, bucket, prefix, report, elapsedSeconds };
}

export function summary(document: DemoDocument): string[] {
  const { weeks, releases, retrains, trainSeconds, elapsedSeconds, comparison, addresses, namespace, report } =
    document;
  const flights = weeks.reduce((sum, { rows }) => sum + rows, 0).toLocaleString('en-US');
  return [
    '',
    `${weeks.length} weeks, ${flights} flights served, ${retrains} ${retrains === 1 ? 'retrain' : 'retrains'} (${trainSeconds.seawall.toFixed(1)} s of training, the ` +
      `first champion and the start of the interpreter included), ${approvedText(releases)}; ${elapsedSeconds.toFixed(0)} s`,
    '',
    ...(comparison ? comparisonLines(comparison) : []),
    '',
    `Report: ${report}`,
    ...(addresses.workflows ? [`Temporal Web UI: ${addresses.workflows}`] : []),
    'Try in another terminal, in this folder:',
    `  npx seawall status ${MODEL}`,
    `  npx seawall retrain ${MODEL} --by me --reason "let me see" --force`,
    `  eval "$(npx seawall env)" && temporal workflow list   # namespace ${namespace}`,
  ];
}
