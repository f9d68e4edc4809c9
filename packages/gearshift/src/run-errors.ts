import type { AttemptReport, BackendErrorKind, RunError } from '@gearshift/contracts';
import type { BackendStatus } from './executor.js';

/** Every device allowed for a request failed. `cause` has the details as plain data. */
export class AllDevicesFailedError extends Error {
  override readonly name = 'AllDevicesFailedError';
  /** The kind of the last failure. */
  readonly kind: BackendErrorKind;
  readonly attempts: readonly AttemptReport[];
  override readonly cause: RunError;

  constructor(error: RunError & { readonly kind: BackendErrorKind }) {
    super(error.message);
    this.kind = error.kind;
    this.attempts = error.attempts;
    this.cause = error;
  }
}

/** A request missed its deadline. `cause` has the details as plain data, with the finished part in `partial`. */
export class DeadlineExceededError extends Error {
  override readonly name = 'DeadlineExceededError';
  readonly kind = 'deadline-exceeded';
  readonly attempts: readonly AttemptReport[];
  override readonly cause: RunError;

  constructor(error: RunError) {
    super(error.message);
    this.attempts = error.attempts;
    this.cause = error;
  }
}

/** A request was refused because `maxPending` others were under way. It was not begun. */
export class OverloadedError extends Error {
  override readonly name = 'OverloadedError';
  readonly kind = 'overloaded';
  override readonly cause: RunError;

  constructor(error: RunError) {
    super(error.message);
    this.cause = error;
  }
}

/** None of the requested backends can be used. */
export class NoBackendError extends Error {
  override readonly name = 'NoBackendError';
  readonly backends: readonly BackendStatus[];

  constructor(backends: readonly BackendStatus[]) {
    super(`no backend can be used: ${backends.map(({ name, reason }) => `${name}: ${reason ?? ''}`).join('; ')}`);
    this.backends = backends;
  }
}

/** Throws the error of a run as the methods named after operations do. */
export function throwRunError(error: RunError, signal?: AbortSignal): never {
  const { kind, message } = error;
  if (kind === 'aborted') throwAbort(message, signal);
  if (kind === 'invalid-input') throw new TypeError(message, { cause: error });
  if (kind === 'deadline-exceeded') throw new DeadlineExceededError(error);
  if (kind === 'overloaded') throw new OverloadedError(error);
  throw new AllDevicesFailedError({ ...error, kind });
}

/** Throws the signal's reason, as the functions of the web platform do. */
export function throwAbort(message: string, signal: AbortSignal | undefined): never {
  // A signal of a polyfill may have no throwIfAborted().
  if (signal?.aborted === true && signal.reason !== undefined) throw signal.reason;
  throw new DOMException(message, 'AbortError');
}
