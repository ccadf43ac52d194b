/** The ledger's answers to a loop. */
import { defineSignal, log, setHandler } from '@temporalio/workflow';
import { readAnswer, reservationSignal } from '../../contracts/index.js';
import { withAnswer } from '../../domain/reducers/loop-budget.js';
import type { Loop } from './loop.js';

/** Registers the ledger's answers; must be called before the workflow's first await. */
export function listenForBudget(loop: Loop): void {
  setHandler(defineSignal<[unknown]>(reservationSignal), (payload) => {
    const read = readAnswer(payload);
    if (!read.ok) return log.warn('an answer of the ledger that cannot be read', { problem: read.problem });
    if (!loop.state) return; // it asks when it knows what it waits for
    loop.state = withAnswer(loop.state, loop.model, read.value, Date.now());
    if (read.value.state !== 'waiting' && loop.state.waiting?.length) loop.hinted = true;
    loop.show();
  });
}
