/** Failure types: the `type` of an ApplicationFailure, and what a caller may do about it. */
export const failureTypes = {
  /** The input of a workflow or a message is not what it must be. */
  BadInput: { retry: false },
  /** No configuration, dataset, release, … of that name. */
  NotFound: { retry: false },
  /** The run number belongs to somebody else. */
  RunNumberTaken: { retry: false },
  /** Stored content differs from its digest. */
  Corrupt: { retry: true },
  /** The live pointer is not where the caller expected it. */
  PointerMoved: { retry: false },
  /** A conditional write lost against another writer. */
  Conflict: { retry: true },
  /** Storage, Temporal or the network did not answer. */
  Unavailable: { retry: true },
  /** Wrong or missing keys. */
  AccessDenied: { retry: false },
  /** The trainer said that the data are bad (65). */
  BadData: { retry: false },
  /** The trainer said that its parameters are bad (64). */
  BadParameters: { retry: false },
  OutOfMemory: { retry: false },
  /** The trainer said "try again" (75), or was killed from outside. */
  TrainerTemporary: { retry: true },
  TrainerTimedOut: { retry: false },
  TrainerCrashed: { retry: false },
  /** The trainer ended well but left no model. */
  NoModel: { retry: false },
  /** The model cannot be served: does not load, or lacks inputs or outputs. */
  InvalidModel: { retry: false },
  /** The run asked for a device that this host lacks. */
  NoDevice: { retry: false },
} as const satisfies Record<string, { retry: boolean }>;
export type FailureType = keyof typeof failureTypes;

/** An error that a user can meet: what happened and where (`message`), and what to do next (`next`). */
export class SeawallError extends Error {
  constructor(
    readonly type: FailureType,
    message: string,
    readonly next: string,
    options?: { cause?: unknown },
  ) {
    super(message, options);
    this.name = 'SeawallError';
  }
}
