import { ApplicationFailure, Context } from '@temporalio/activity';
import { expect, it } from 'vitest';
import { classifyAll } from '../../src/activities/errors.js';
import { patient, waitingOut } from '../../src/activities/outage.js';
import { type FailureType, SeawallError } from '../../src/contracts/index.js';
import { act, environment } from '../support/steps.js';

const signal = new AbortController().signal;
const failing = (type: FailureType, times: number) => {
  const calls = { made: 0 };
  const work = (): Promise<string> => {
    calls.made += 1;
    return calls.made <= times
      ? Promise.reject(new SeawallError(type, `expected aa, found bb (call ${calls.made})`, 'restore it'))
      : Promise.resolve('value');
  };
  return { calls, work };
};

it('asks again until storage answers', async () => {
  const { calls, work } = failing('Unavailable', 3);
  expect(await waitingOut(signal, work)).toBe('value');
  expect(calls.made).toBe(4);
});

it('reads damaged content anew, and after three times it is final, with its words', async () => {
  const transit = failing('Corrupt', 2);
  expect(await waitingOut(signal, transit.work)).toBe('value');
  const { calls, work } = failing('Corrupt', 99);
  const error = await waitingOut(signal, work).catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(ApplicationFailure);
  expect(error).toMatchObject({
    type: 'Corrupt',
    nonRetryable: true,
    message: expect.stringMatching(/expected aa, found bb.*3 times/) as string,
    details: [{ next: 'restore it' }],
  });
  expect(calls.made).toBe(3);
});

it.each(['BadData', 'AccessDenied', 'Conflict'] as const)('does not wait out %s', async (type) => {
  const { calls, work } = failing(type, 99);
  await expect(waitingOut(signal, work)).rejects.toMatchObject({ type });
  expect(calls.made).toBe(1);
});

it('ends when the step is cancelled, also in the middle of a pause', async () => {
  const { work } = failing('Unavailable', Infinity);
  const { wait } = classifyAll({ wait: () => waitingOut(Context.current().cancellationSignal, work) });
  const env = environment();
  const ended = act(wait, undefined as never, env);
  env.cancel('CANCELLED');
  await expect(ended).rejects.toMatchObject({ name: 'CancelledFailure' });
});

it('makes a whole port patient, and leaves listings alone', async () => {
  const { calls, work } = failing('Unavailable', 1);
  const port = patient({ read: work, list: () => [1, 2] }, signal);
  expect(await port.read()).toBe('value');
  expect(calls.made).toBe(2);
  expect(port.list()).toEqual([1, 2]);
});
