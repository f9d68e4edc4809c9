/**
 * The outcome of an operation that may fail for external reasons: a value, or an error as plain data. Results survive
 * `postMessage` unchanged, unlike class instances and thrown errors.
 */
export type Result<T, E> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly error: E };

/** A successful result. */
export function ok<T>(value: T): { readonly ok: true; readonly value: T } {
  return { ok: true, value };
}

/** A failed result. */
export function err<E>(error: E): { readonly ok: false; readonly error: E } {
  return { ok: false, error };
}

/**
 * Returns the value of a successful result.
 *
 * @throws Error with the `message` of the error, and the error as its `cause`, when the result failed.
 */
export function unwrap<T, E>(result: Result<T, E>): T {
  if (result.ok) return result.value;
  throw new Error(messageOf(result.error), { cause: result.error });
}

function messageOf(error: unknown): string {
  if (typeof error === 'object' && error !== null && 'message' in error) return String(error.message);
  return String(error);
}
