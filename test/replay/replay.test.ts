import { DeterminismViolationError } from '@temporalio/workflow';
import { Worker } from '@temporalio/worker';
import { describe, expect, it } from 'vitest';
import { recordedHistories, type RecordedHistory } from '../support/histories.js';
import { BUNDLE, CONVERTER } from '../support/workflow-env.js';

const replay = ({ history, workflowId }: RecordedHistory) =>
  Worker.runReplayHistory(
    { workflowBundle: { codePath: BUNDLE }, dataConverter: { payloadConverterPath: CONVERTER } },
    history,
    workflowId,
  );

describe('workflows in flight survive this version', () => {
  const histories = recordedHistories();

  it('there are histories of every workflow', () => {
    for (const id of ['model/', 'train/', 'fleet/']) {
      expect(histories.some(({ recorded }) => recorded.workflowId.startsWith(id))).toBe(true);
    }
  });

  it.each(histories)('$name', async ({ recorded }) => {
    await replay(recorded);
  });

  it('a history that this code would not write is refused', async () => {
    const released = histories.find(({ name }) => name.includes('every-phase'));
    const changed = structuredClone(released?.recorded) as RecordedHistory;
    const scheduled = changed.history.events.find((event) => 'activityTaskScheduledEventAttributes' in event);
    const attributes = scheduled?.['activityTaskScheduledEventAttributes'] as { activityType: { name: string } };
    expect(attributes.activityType.name).toBe('openRun');
    attributes.activityType.name = 'trainFirst';
    await expect(replay(changed)).rejects.toThrow(DeterminismViolationError);
  });
});
