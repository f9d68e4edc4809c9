import type { ThreadMemory } from './thread-memory.js';

/** Threads on shared memory, and a check for the outcome when all of them have ended. */
export interface Program {
  /** Initial values of the integer cells, which are accessed atomically. */
  readonly integers: readonly number[];
  /** Initial values of the number cells, which are accessed plainly. */
  readonly numbers: readonly number[];
  readonly threads: readonly ProgramThread[];
  /** The error in an outcome; undefined when it is correct. */
  check(outcome: Outcome): string | undefined;
}

export interface ProgramThread {
  readonly name: string;
  /** Runs many times from the start, so it must be deterministic and keep no state outside. */
  run(memory: ThreadMemory): unknown;
  /** The thread may be killed at any step. Accesses issued before happen later, or never. */
  readonly mayBeKilled?: boolean;
}

export interface Outcome {
  readonly integers: readonly number[];
  readonly numbers: readonly number[];
  /** In the order of the program's threads. */
  readonly threads: readonly ThreadOutcome[];
}

export type ThreadOutcome = { readonly killed: true } | { readonly killed: false; readonly value: unknown };
