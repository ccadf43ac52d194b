/** What Temporal's errors mean for somebody who talks to a model: what happened, where, and what to do next. */
import { isGrpcServiceError } from '@temporalio/client';
import { NamespaceNotFoundError, WorkflowNotFoundError } from '@temporalio/common';
import { SeawallError } from '../contracts/index.js';

/** The workflow that was talked to: a pool's fleet, a model's loop, or a training run. */
export type Target = { pool: string } | { model: string; /** Left out: the model's loop. */ run?: number };

/** Where its state is to be seen. */
export const lookCommand = (target: Target): string =>
  'pool' in target ? `seawall budget show ${target.pool}` : `seawall status ${target.model}`;

/** gRPC status codes that matter here. */
const grpc = {
  /** What the client itself says when its deadline ends a call that the server has begun to answer. */
  cancelled: 1,
  deadlineExceeded: 4,
  notFound: 5,
  permissionDenied: 7,
  failedPrecondition: 9,
  unauthenticated: 16,
} as const;

/** The gRPC code of an error or of what caused it: the SDK wraps most of them. */
function grpcCode(error: unknown): number | undefined {
  for (let inner = error; inner instanceof Error; inner = inner.cause) if (isGrpcServiceError(inner)) return inner.code;
  return undefined;
}

/** An error of the server or the way to it, whatever was asked. */
export function temporalError(error: unknown, where: string): SeawallError {
  if (error instanceof SeawallError) return error;
  const text = innermost(error);
  const code = grpcCode(error);
  if (code === grpc.permissionDenied || code === grpc.unauthenticated) {
    return new SeawallError(
      'AccessDenied',
      `Temporal at ${where} refused the caller: ${text}`,
      'Check TEMPORAL_API_KEY, the TLS settings (TEMPORAL_TLS_*) and the namespace.',
      { cause: error },
    );
  }
  if (error instanceof NamespaceNotFoundError || (code === grpc.notFound && /namespace/i.test(text))) {
    return new SeawallError(
      'NotFound',
      `Temporal at ${where} does not have the namespace: ${text}`,
      'Check TEMPORAL_NAMESPACE; `seawall doctor --fix` makes a missing namespace.',
      { cause: error },
    );
  }
  return new SeawallError(
    'Unavailable',
    `Temporal at ${where} does not answer: ${text}`,
    'Check that the server runs (`seawall doctor`), or start one with `seawall up`; then try again.',
    { cause: error },
  );
}

/** True when the server says that there is no such workflow, or that it has ended. */
export function isMissing(error: unknown): boolean {
  if (error instanceof WorkflowNotFoundError) return true;
  return grpcCode(error) === grpc.notFound && !/namespace/i.test(innermost(error));
}

/** True when the server waited for a worker in vain. */
export function isSilence(error: unknown): boolean {
  const code = grpcCode(error);
  return code === grpc.deadlineExceeded || code === grpc.cancelled || code === grpc.failedPrecondition;
}

/** `why`: as `it was terminated`; left out when nothing is known. */
export function missing(target: Target, why?: string): SeawallError {
  if ('pool' in target) {
    const text = `no fleet workflow runs for the pool ${target.pool}${why === undefined ? '' : `: ${why}`}`;
    return new SeawallError('NotFound', text, `A budget or a freeze starts it: seawall budget set ${target.pool} …`);
  }
  const { model, run } = target;
  const because = why === undefined ? '' : `: ${why}`;
  return run === undefined
    ? new SeawallError('NotFound', `no loop runs for model ${model}${because}`, `Start it: seawall start ${model}`)
    : new SeawallError(
        'NotFound',
        `training run ${run} of ${model} is not open${because || ': it has ended, or never was'}`,
        `See how it stands: seawall status ${model}`,
      );
}

/** @param pollers workers on the queue just now; undefined: the server did not say */
export function silent(queue: string, waitedMs: number, pollers: number | undefined): SeawallError {
  const seconds = Math.round(waitedMs / 1000);
  if (pollers === 0) {
    return new SeawallError(
      'Unavailable',
      `no worker answers on queue ${queue}`,
      `Start one with \`seawall worker loop\` (or everything with \`seawall up\`), then do the same again.`,
    );
  }
  return new SeawallError(
    'Unavailable',
    `no worker on queue ${queue} answered within ${seconds} s, though one was there a moment ago`,
    'If none runs any more, start one with `seawall worker loop`; else look at its log. Then do the same again.',
  );
}

function innermost(error: unknown): string {
  let inner = error;
  while (inner instanceof Error && inner.cause instanceof Error) inner = inner.cause;
  const details = (inner as { details?: unknown } | undefined)?.details;
  if (typeof details === 'string' && details !== '') return details;
  return inner instanceof Error ? inner.message : String(inner);
}
