import { isError } from './is-error.js';

/** Describes a thrown value in a few words, for messages. Never throws, even for a value with throwing getters. */
export function describeThrown(thrown: unknown): string {
  try {
    // Throws for a proxy that cannot be read.
    Object.getPrototypeOf(Object(thrown));
    return isError(thrown, 'Error')
      ? `${String(thrown.name)}: ${String(thrown.message)}`
      : `a value of type ${typeof thrown}`;
  } catch {
    return 'a value that cannot be read';
  }
}
