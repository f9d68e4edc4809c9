import type { ThreadMemory } from './thread-memory.js';

/** Threads on shared memory, and what must hold whenever all of them have ended. */
export interface Program {
  /** First values of the integer cells, which are accessed atomically. */
  readonly integers: readonly number[];
  /** First values of the number cells, which are plain. */
  readonly numbers: readonly number[];
  readonly threads: readonly ProgramThread[];
  /** What is wrong with an outcome; undefined when nothing is. */
  check(outcome: Outcome): string | undefined;
}

export interface ProgramThread {
  readonly name: string;
  /** Runs many times from the start: deterministic, and without state of its own outside. */
  run(memory: ThreadMemory): unknown;
  /** It may end at any step. What it had issued by then happens later, or never. */
  readonly mayBeKilled?: boolean;
}

export interface Outcome {
  readonly integers: readonly number[];
  readonly numbers: readonly number[];
  /** In the order of the program's threads. */
  readonly threads: readonly ThreadOutcome[];
}

export type ThreadOutcome = { readonly killed: true } | { readonly killed: false; readonly value: unknown };
