/**
 * The outcome of something the world may refuse: a value, or an error as plain data. Results survive `postMessage`
 * unchanged, which class instances and thrown errors do not.
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
 * The value of a successful result.
 *
 * @throws Error whose message is the error's own `message` and whose `cause` is the error, when the result failed.
 */
export function unwrap<T, E>(result: Result<T, E>): T {
  if (result.ok) return result.value;
  throw new Error(messageOf(result.error), { cause: result.error });
}

function messageOf(error: unknown): string {
  if (typeof error === 'object' && error !== null && 'message' in error) return String(error.message);
  return String(error);
}
