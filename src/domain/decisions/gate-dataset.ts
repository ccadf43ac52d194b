/** Is there enough to learn from that the champion has not seen? */
import type { NewData } from '../../contracts/index.js';
import { type GateInput, type Rule, unjudged, type Verdict } from './gate-rule.js';
import { count, percent } from './text.js';

/**
 * The share of the next run's bytes that are new to the champion, against the share from which on its owner pays for a retrain.
 * No rule without such a price: then a changed dataset warrants nothing by itself. What was only taken away is nothing new.
 */
export function datasetRules({ context, config }: GateInput): Rule[] {
  const { newData, championRelease, datasetVersion } = context;
  if (!config.gate.dataset || !newData) return [];
  const { minNewShare } = config.gate.dataset;
  if (newData.problem !== undefined) return [unjudged('dataset', minNewShare, newData.problem)];
  const share = newData.bytes > 0 ? newData.newBytes / newData.bytes : 0;
  const fired = newData.newBytes > 0 && share >= minNewShare;
  const text = `${whatIsNew(newData, share)} of dataset ${config.dataset.name} new to the champion, of ${percent(minNewShare)}`;
  const reason = `version ${datasetVersion?.slice(0, 12)} of dataset ${config.dataset.name}: ${whatIsNew(newData, share)} are new to release ${championRelease}, limit ${percent(minNewShare)}`;
  return [
    {
      outcome: { rule: 'dataset', fired, value: share, threshold: minNewShare, text },
      verdict: fired ? { action: 'retrain', trigger: 'dataset', reason } : null,
      nearness: minNewShare > 0 ? share / minNewShare : share,
    },
  ];
}

const whatIsNew = ({ newFiles, files }: NewData, share: number): string =>
  `${percent(share)} of the bytes (${count(newFiles)} of ${count(files)} files)`;

/** Where nothing but the dataset was asked about, and it is not worth it. */
export function notWorthIt(rules: readonly Rule[]): Verdict | undefined {
  const rule = rules.find(({ outcome }) => outcome.rule === 'dataset');
  return rule && { action: 'wait', trigger: 'dataset', reason: `nothing warrants the cost: ${rule.outcome.text}` };
}
