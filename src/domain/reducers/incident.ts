/** When a data incident begins and ends. */
import type { DecisionSummary, Incident } from '../../contracts/index.js';

/**
 * The incident after one more decision. Windows are decided in the order of time, and a window's checks are those of its first
 * report: what is decided on a later revision repeats the first decision and opens or ends nothing.
 */
export function incidentAfter(
  incident: Incident | null,
  { action, window, revision, reason }: Pick<DecisionSummary, 'action' | 'window' | 'revision' | 'reason'>,
): Incident | null {
  if (!window || revision !== 1) return incident;
  if (action !== 'block') return null;
  const { since, windows } = incident ?? { since: window.from, windows: 0 };
  return { since, to: window.to, windows: windows + 1, text: reason };
}
