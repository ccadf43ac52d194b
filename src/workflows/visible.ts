/** What a person sees of a workflow without opening its history: search attributes, memo and current details. */
import { defineSearchAttributeKey, SearchAttributeType } from '@temporalio/common';
import { setCurrentDetails, upsertMemo, upsertSearchAttributes } from '@temporalio/workflow';

const model = defineSearchAttributeKey('SeawallModel', SearchAttributeType.KEYWORD);
const state = defineSearchAttributeKey('SeawallState', SearchAttributeType.KEYWORD);
const decision = defineSearchAttributeKey('SeawallDecision', SearchAttributeType.KEYWORD);
const release = defineSearchAttributeKey('SeawallRelease', SearchAttributeType.INT);

export interface Visible {
  model: string;
  state: string;
  decision: string | null;
  release: number | null;
  /** Lines of the status; the first stands in the memo too, since current details need a live worker. */
  details: string[];
}

/** Remembers what was shown last, so that a quiet cycle writes no events. */
export function createVisibility(searchAttributes: () => boolean): (now: Visible) => void {
  let shownAttributes = '';
  let shownSummary = '';
  return (now) => {
    setCurrentDetails(now.details.join('\n\n'));
    const attributes = JSON.stringify([now.state, now.decision, now.release]);
    if (searchAttributes() && attributes !== shownAttributes) {
      shownAttributes = attributes;
      upsertSearchAttributes([
        { key: model, value: now.model },
        { key: state, value: now.state },
        { key: decision, value: now.decision },
        { key: release, value: now.release },
      ]);
    }
    const summary = now.details[0] ?? '';
    if (summary !== shownSummary) {
      shownSummary = summary;
      upsertMemo({ summary });
    }
  };
}
