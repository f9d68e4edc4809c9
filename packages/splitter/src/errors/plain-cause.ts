import { isError } from '@gearshift/contracts/internal';
import type { ThrownCause } from './chunk-error.js';

const DEEPEST_CAUSE = 4;

/**
 * `error` as plain data that survives `postMessage`: errors by their fields, other values as a copy without their class, and
 * for a value that cannot be copied its description. Never throws, even for throwing getters and proxies.
 */
export function plainCause<E>(error: E): E | ThrownCause {
  try {
    if (isError(error, 'Error')) return describeError(error, DEEPEST_CAUSE);
    return structuredClone(error);
  } catch {
    return { name: 'NotCloneable', message: describeUncloneable(error) };
  }
}

/** The message of `error`, or a description of a value without one. */
export function messageOf(error: unknown): string {
  try {
    if (typeof error === 'object' && error !== null && 'message' in error && typeof error.message === 'string') {
      return error.message;
    }
    return typeof error === 'string' ? error : `a value of type ${typeof error}`;
  } catch {
    return 'a value that cannot be read';
  }
}

function describeError(error: Error, depth: number): ThrownCause {
  const { name, message, stack, cause } = error;
  const code: unknown = 'code' in error ? error.code : undefined;
  return {
    name: String(name),
    message: String(message),
    ...(typeof code === 'string' || typeof code === 'number' ? { code } : {}),
    ...(typeof stack === 'string' ? { stack } : {}),
    ...(isError(cause, 'Error') && depth > 0 ? { cause: describeError(cause, depth - 1) } : {}),
  };
}

function describeUncloneable(error: unknown): string {
  return typeof error === 'object' ? messageOf(error) : `a value of type ${typeof error}`;
}
