/**
 * `instanceof` for the errors of every realm: whether `value` inherits from the prototype of a class with one of these names.
 * Test runners that isolate their files have error classes of their own, and addons throw those of the main realm.
 *
 * Never throws, also for a proxy that does.
 */
export function isError(value: unknown, ...names: readonly string[]): value is Error {
  try {
    for (let prototype = prototypeOf(value); prototype !== null; prototype = prototypeOf(prototype)) {
      const made: unknown = Object.hasOwn(prototype, 'constructor') ? prototype.constructor : undefined;
      if (typeof made === 'function' && names.includes(made.name)) return true;
    }
  } catch {
    // A revoked proxy, for example.
  }
  return false;
}

function prototypeOf(value: unknown): object | null {
  return typeof value === 'object' && value !== null ? (Object.getPrototypeOf(value) as object | null) : null;
}
