/** What a person sees of a workflow without opening its history: search attributes, memo and current details. */
import { defineSearchAttributeKey, SearchAttributeType } from '@temporalio/common';
import { setCurrentDetails, upsertMemo, upsertSearchAttributes } from '@temporalio/workflow';

const model = defineSearchAttributeKey('SeawallModel', SearchAttributeType.KEYWORD);
const state = defineSearchAttributeKey('SeawallState', SearchAttributeType.KEYWORD);
const decision = defineSearchAttributeKey('SeawallDecision', SearchAttributeType.KEYWORD);
const release = defineSearchAttributeKey('SeawallRelease', SearchAttributeType.INT);

export interface Visible {
  /** null: it is about no single model. */
  model: string | null;
  state: string;
  decision: string | null;
  release: number | null;
  /** One line for the memo, since current details need a live worker. */
  summary: string;
  /** Markdown. No event is written for it. */
  details: string;
}

/**
 * Remembers what was shown last, so that a quiet cycle writes no events. What it does write is in histories: `summary` and the
 * attributes may change only where they changed in the release that wrote the history, or because of data that no older history
 * holds; in what words is free (docs/decisions/0018).
 */
export function createVisibility(searchAttributes: () => boolean): (now: Visible) => void {
  let shownAttributes = '';
  let shownSummary = '';
  return (now) => {
    setCurrentDetails(now.details);
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
    if (now.summary !== shownSummary) {
      shownSummary = now.summary;
      upsertMemo({ summary: now.summary });
    }
  };
}
