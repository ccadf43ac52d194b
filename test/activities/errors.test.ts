import { ApplicationFailure, CancelledFailure, Context } from '@temporalio/activity';
import { expect, it } from 'vitest';
import { classifyAll, toFailure } from '../../src/activities/errors.js';
import { failureTypes, type FailureType, SeawallError } from '../../src/contracts/index.js';
import { act, environment } from '../support/steps.js';

it.each(Object.entries(failureTypes))('%s is retried or final as its type says', (type, { retry }) => {
  const failure = toFailure(new SeawallError(type as FailureType, 'what, where', 'what to do')) as ApplicationFailure;
  expect(failure).toBeInstanceOf(ApplicationFailure);
  expect(failure).toMatchObject({
    type,
    message: 'what, where',
    nonRetryable: !retry,
    details: [{ next: 'what to do' }],
  });
});

it('does not take the unknown for final', () => {
  expect(toFailure(new TypeError('x is undefined'))).toMatchObject({
    type: 'Unexpected',
    nonRetryable: false,
    message: 'TypeError: x is undefined',
  });
  expect(toFailure('text')).toMatchObject({ type: 'Unexpected', message: 'text' });
});

it('passes Temporal’s own failures', () => {
  const own = ApplicationFailure.nonRetryable('done', 'Mine');
  expect(toFailure(own)).toBe(own);
  const cancelled = new CancelledFailure('CANCELLED');
  expect(toFailure(cancelled)).toBe(cancelled);
});

const waiting = classifyAll({
  wait: async (how: 'abort' | 'reason'): Promise<void> => {
    const { cancellationSignal: signal } = Context.current();
    if (!signal.aborted) await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
    if (how === 'reason') throw signal.reason;
    throw new SeawallError('Unavailable', 'broken off', '', { cause: new DOMException('aborted', 'AbortError') });
  },
});

it.each(['abort', 'reason'] as const)('knows a cancellation by its consequences (%s)', async (how) => {
  const env = environment();
  const ended = act(waiting.wait, how, env);
  env.cancel('CANCELLED');
  await expect(ended).rejects.toBeInstanceOf(CancelledFailure);
});

it.each(['abort', 'reason'] as const)('retries elsewhere when the worker shuts down (%s)', async (how) => {
  const env = environment();
  const ended = act(waiting.wait, how, env);
  env.cancel('WORKER_SHUTDOWN');
  await expect(ended).rejects.toMatchObject({ type: 'Unavailable', nonRetryable: false });
});

it('keeps names, arguments and results', async () => {
  const activities = classifyAll({
    double: async (n: number) => n * 2,
    fail: async () => Promise.reject(new SeawallError('BadData', 'b', 'n')),
  });
  expect(Object.keys(activities)).toEqual(['double', 'fail']);
  expect(await activities.double(4)).toBe(8);
  await expect(activities.fail()).rejects.toMatchObject({ type: 'BadData', nonRetryable: true });
});
