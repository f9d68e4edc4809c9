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

/** All values in order, or the first error in order: for steps where one failure makes the rest pointless. */
export function firstError<T, E>(results: Iterable<Result<T, E>>): Result<T[], E> {
  const values: T[] = [];
  for (const result of results) {
    if (!result.ok) return result;
    values.push(result.value);
  }
  return ok(values);
}

/** All values in order, or every error in order: for independent steps whose failures should be reported together. */
export function allErrors<T, E>(results: Iterable<Result<T, E>>): Result<T[], E[]> {
  const values: T[] = [];
  const errors: E[] = [];
  for (const result of results) {
    if (result.ok) values.push(result.value);
    else errors.push(result.error);
  }
  return errors.length === 0 ? ok(values) : err(errors);
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
