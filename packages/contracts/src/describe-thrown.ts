import { types } from 'node:util';

/** Describes a thrown value in a few words, for messages. Never throws, even for a value with throwing getters. */
export function describeThrown(thrown: unknown): string {
  try {
    // `instanceof` is false for errors of another realm.
    const isError = thrown instanceof Error || types.isNativeError(thrown);
    return isError ? `${String(thrown.name)}: ${String(thrown.message)}` : `a value of type ${typeof thrown}`;
  } catch {
    return 'a value that cannot be read';
  }
}
