import { MachineState } from './machine-state.js';
import type { Program } from './program.js';

export interface ExploreOptions {
  /**
   * Continue only once from a state that several interleavings reach. Nothing is missed, because equal states have equal
   * futures. Default true; false explores every interleaving separately.
   */
  readonly mergeStates?: boolean | undefined;
  /** Give up after so many states. Default: never. */
  readonly maxStates?: number | undefined;
}

export interface Exploration {
  /** Every interleaving was covered, and none ended in an error. */
  readonly exhausted: boolean;
  /**
   * The number of orders of events from the start to an end, counted separately or, with merged states, added up. A bigint,
   * because a number would soon be inexact.
   */
  readonly interleavings: bigint;
  /** Length of the longest explored interleaving. */
  readonly events: number;
  /** Visited states; distinct ones when states are merged. */
  readonly states: number;
  /** The first error, if there was one, and the events that lead to it. */
  readonly violation?: { readonly problem: string; readonly events: readonly string[] } | undefined;
}

/**
 * Runs a program in every order that its memory model allows: threads interleave at each atomic access, plain accesses are
 * delayed past later loads (and atomic stores past later plain accesses) in every way, and killable threads are killed before
 * each of their steps.
 *
 * The model: atomic accesses are sequentially consistent; a load does not wait for plain accesses before it; a store
 * waits for those before it and not for those after it; a read-modify-write waits for all, and all wait for it. This is
 * weaker than x64 and than ARM. The axioms of JavaScript's memory model order still less in one case: an atomic store and
 * a later load of the same thread keep the plain accesses around them in order here, and there only if the load reads what
 * another thread wrote.
 */
export function explore(program: Program, options: ExploreOptions = {}): Exploration {
  const explorer = new Explorer(options);
  explorer.visit(MachineState.start(program));
  return explorer.report();
}

class Explorer {
  readonly #mergeStates: boolean;
  readonly #maxStates: number;
  /** Interleavings from a state on. */
  readonly #known = new Map<string, bigint>();
  #states = 0;
  #interleavings = 0n;
  #depth = 0;
  #events = 0;
  #gaveUp = false;
  #violation: Exploration['violation'];

  constructor({ mergeStates = true, maxStates = Infinity }: ExploreOptions) {
    this.#mergeStates = mergeStates;
    this.#maxStates = maxStates;
  }

  report(): Exploration {
    return {
      exhausted: !this.#gaveUp && this.#violation === undefined,
      interleavings: this.#interleavings,
      events: this.#events,
      states: this.#states,
      violation: this.#violation,
    };
  }

  visit(state: MachineState): void {
    this.#interleavings = this.#count(state);
  }

  /** Interleavings from here to an end. Stops at the first error. */
  #count(state: MachineState): bigint {
    const key = this.#mergeStates ? state.key() : '';
    const known = this.#mergeStates ? this.#known.get(key) : undefined;
    if (known !== undefined) return known;
    if (this.#states === this.#maxStates) this.#gaveUp = true;
    if (this.#gaveUp) return 0n;
    this.#states++;
    this.#events = Math.max(this.#events, this.#depth);
    const events = state.events();
    let count = 0n;
    if (events.length === 0) {
      count = 1n;
      const problem = state.check();
      if (problem !== undefined) this.#violation = { problem, events: [] };
    }
    this.#depth++;
    for (const event of events) {
      count += this.#count(state.after(event));
      if (this.#violation !== undefined) {
        const violation: NonNullable<Exploration['violation']> = this.#violation;
        this.#violation = { problem: violation.problem, events: [state.describe(event), ...violation.events] };
        break;
      }
      if (this.#gaveUp) break;
    }
    this.#depth--;
    if (this.#mergeStates) this.#known.set(key, count);
    return count;
  }
}
