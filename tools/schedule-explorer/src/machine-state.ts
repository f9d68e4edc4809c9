import type { Program, ProgramThread, ThreadOutcome } from './program.js';
import { Paused, ThreadMemory, type Log, type Pending, type Step } from './thread-memory.js';

type Status = 'running' | 'returned' | 'killed';

interface ThreadState {
  readonly status: Status;
  readonly log: Log;
  readonly pending: readonly Pending[];
  /** The next step of a running thread. */
  readonly step: Step | undefined;
}

/** A possible next event. */
export type Event =
  | { readonly kind: 'step'; readonly thread: number }
  | { readonly kind: 'happen'; readonly thread: number; readonly index: number }
  | { readonly kind: 'kill'; readonly thread: number; readonly losesPending: boolean };

/** The immutable state of memory and threads. An event leads to a new state. */
export class MachineState {
  readonly #program: Program;
  readonly #integers: readonly number[];
  readonly #numbers: readonly number[];
  readonly #threads: readonly ThreadState[];

  private constructor(
    program: Program,
    integers: readonly number[],
    numbers: readonly number[],
    threads: readonly ThreadState[],
  ) {
    this.#program = program;
    this.#integers = integers;
    this.#numbers = numbers;
    this.#threads = threads;
  }

  static start(program: Program): MachineState {
    const threads = program.threads.map((thread) => resume(thread, [], []));
    return new MachineState(program, program.integers, program.numbers, threads);
  }

  /** Equal keys have equal futures. */
  key(): string {
    let key = `${this.#integers.join()};${this.#numbers.join()}`;
    for (const { status, log, pending } of this.#threads) {
      key += `;${status} ${log.join()}`;
      for (const access of pending) {
        key += ` ${access.kind} ${access.cell} ${access.kind === 'read' ? access.entry : access.value}`;
      }
    }
    return key;
  }

  /** All possible next events; empty when no thread can continue. */
  events(): Event[] {
    const events: Event[] = [];
    for (const [thread, { pending, step }] of this.#threads.entries()) {
      for (let index = 0; index < pending.length; index++) {
        if (mayHappen(pending, index)) events.push({ kind: 'happen', thread, index });
      }
      if (step !== undefined && this.#mayStep(step, pending)) events.push({ kind: 'step', thread });
    }
    // When no other event is possible, killing a stuck thread would only hide the deadlock.
    if (events.length === 0) return events;
    for (const [thread, { status, pending }] of this.#threads.entries()) {
      if (status !== 'running' || this.#program.threads[thread].mayBeKilled !== true) continue;
      events.push({ kind: 'kill', thread, losesPending: false });
      if (pending.length > 0) events.push({ kind: 'kill', thread, losesPending: true });
    }
    return events;
  }

  after(event: Event): MachineState {
    const state = this.#threads[event.thread];
    if (event.kind === 'kill') {
      const pending = event.losesPending ? [] : state.pending;
      return this.#with(event.thread, { ...state, status: 'killed', step: undefined, pending });
    }
    return event.kind === 'step' ? this.#afterStep(event.thread, state) : this.#afterAccess(event, state);
  }

  describe(event: Event): string {
    const { name } = this.#program.threads[event.thread];
    const { step, pending } = this.#threads[event.thread];
    if (event.kind === 'kill') return `${name}: killed${event.losesPending ? ', what it had issued is lost' : ''}`;
    const { kind, ...details } =
      event.kind === 'step' && step !== undefined ? step : pending[event.kind === 'happen' ? event.index : 0];
    return `${name}: ${kind} ${JSON.stringify(details)}`;
  }

  /** The error of a state in which no thread can continue, if it has one. */
  check(): string | undefined {
    const stuck = this.#threads.findIndex(({ status }) => status === 'running');
    if (stuck !== -1) return `${this.#program.threads[stuck].name} waits for ever`;
    const threads: ThreadOutcome[] = [];
    for (const [index, { status, log }] of this.#threads.entries()) {
      const { name, run } = this.#program.threads[index];
      if (status === 'killed') {
        threads.push({ killed: true });
        continue;
      }
      // Runs the thread once more, because values of plain reads may have arrived after it returned. If it now makes other
      // accesses, it had decided by a value that had not arrived yet.
      let same = true;
      const memory = new ThreadMemory([...log], () => (same = false));
      try {
        threads.push({ killed: false, value: run(memory) });
      } catch (thrown) {
        if (!(thrown instanceof Paused)) throw thrown;
        same = false;
      }
      if (!same || !memory.isAtEnd) return `${name} went on by a value that it had not read yet`;
    }
    return this.#program.check({ integers: this.#integers, numbers: this.#numbers, threads });
  }

  #mayStep(step: Step, pending: readonly Pending[]): boolean {
    switch (step.kind) {
      case 'load':
        // Earlier plain accesses may still be under way; earlier atomic ones may not.
        return !pending.some(({ kind }) => kind === 'store');
      case 'awaitEnd': {
        const awaited = this.#threads[step.thread];
        return awaited.status !== 'running' && awaited.pending.length === 0;
      }
      default:
        return pending.length === 0;
    }
  }

  #afterStep(thread: number, { step, log, pending }: ThreadState): MachineState {
    const integers = [...this.#integers];
    let answer = 0;
    if (step !== undefined && step.kind !== 'awaitEnd') {
      answer = integers[step.cell];
      if (step.kind === 'add') integers[step.cell] = (answer + step.amount) | 0;
      if (step.kind === 'compareExchange' && answer === step.expected) integers[step.cell] = step.replacement;
    }
    const resumed = resume(this.#program.threads[thread], [...log, answer], pending);
    return new MachineState(this.#program, integers, this.#numbers, this.#replace(thread, resumed));
  }

  #afterAccess({ thread, index }: { thread: number; index: number }, state: ThreadState): MachineState {
    const access = state.pending[index];
    const pending = state.pending.filter((_, other) => other !== index);
    if (access.kind === 'read') {
      const log = [...state.log];
      log[access.entry] = this.#numbers[access.cell];
      return this.#with(thread, { ...state, log, pending });
    }
    const threads = this.#replace(thread, { ...state, pending });
    const cells = [...(access.kind === 'store' ? this.#integers : this.#numbers)];
    cells[access.cell] = access.value;
    return access.kind === 'store'
      ? new MachineState(this.#program, cells, this.#numbers, threads)
      : new MachineState(this.#program, this.#integers, cells, threads);
  }

  #with(thread: number, state: ThreadState): MachineState {
    return new MachineState(this.#program, this.#integers, this.#numbers, this.#replace(thread, state));
  }

  #replace(thread: number, state: ThreadState): ThreadState[] {
    return this.#threads.map((other, index) => (index === thread ? state : other));
  }
}

/** An atomic store waits for all before it; a plain access only for those of the same cell. */
function mayHappen(pending: readonly Pending[], index: number): boolean {
  const { kind, cell } = pending[index];
  if (kind === 'store') return index === 0;
  for (let earlier = 0; earlier < index; earlier++) {
    if (pending[earlier].kind !== 'store' && pending[earlier].cell === cell) return false;
  }
  return true;
}

/** Runs a thread to its next scheduled step, or to its end. */
function resume(thread: ProgramThread, log: Log, before: readonly Pending[]): ThreadState {
  const pending = [...before];
  try {
    thread.run(new ThreadMemory(log, (access) => pending.push(access)));
    return { status: 'returned', log, pending, step: undefined };
  } catch (thrown) {
    if (!(thrown instanceof Paused)) throw thrown;
    return { status: 'running', log, pending, step: thrown.step };
  }
}
