import { setTimeout } from 'node:timers/promises';
import type { Operand, VectorMatrix, CsrGraph } from '@gearshift/contracts';
import { RESIDENT_STATE, type CpuAddon } from './addon.js';
import { fail, failAborted, failWithStatus, type Failure } from './backend-errors.js';
import { readMemory } from './memory-reading.js';
import { ResidentFill } from './resident-fill.js';
import { runJob } from './run-job.js';
import { runToEnd, runYielding, STEP_DONE, STEP_MORE, type SlicedWork } from './sliced-work.js';

/** Another thread of the process is filling the copy: how often to look whether it is done. */
const POLL_MS = 2;
/** Below this no one asks whether there is memory, because asking reads files, and graphs are built on this thread. */
const SMALL_BYTES = 16 * 2 ** 20;
/** What makes a copy the caller's own instead of the process's. */
const PRIVATE_ID = -1;

interface Resident {
  readonly version: number;
  /** Rows and dimensions, or nodes and edges. */
  readonly shape: readonly [number, number];
  readonly handle: number;
}

/** Contexts of the addon for slices of the two kinds. */
export interface SliceContexts {
  readonly sync: number;
  readonly yielding: number;
}

/**
 * The copies of operands that this backend uses. Copies belong to the process: threads that name the same operand share
 * one, and it goes when the last of them lets go.
 */
export class ResidentOperands {
  readonly #addon: CpuAddon;
  readonly #contexts: SliceContexts;
  readonly #residents = new Map<number, Resident>();
  readonly #fills = new Map<number, ResidentFill>();
  /** A copy nobody can name any more is dropped with the arrays it was made from. */
  readonly #collected = new FinalizationRegistry<{ id: number; version: number }>(({ id, version }) => {
    if (this.#residents.get(id)?.version === version) this.#drop(id);
  });

  constructor(addon: CpuAddon, contexts: SliceContexts) {
    this.#addon = addon;
    this.#contexts = contexts;
  }

  /** Handle of the copy of exactly this version, where there is one; a copy of another version is dropped. */
  handleOf(operand: Operand): number | undefined {
    const resident = this.#residents.get(operand.id);
    if (resident === undefined) return undefined;
    if (resident.version !== operand.version) {
      this.#drop(operand.id);
      return undefined;
    }
    const [first, second] = shapeOf(operand);
    return resident.shape[0] === first && resident.shape[1] === second ? resident.handle : undefined;
  }

  residentBytes(operand: Operand): number {
    const handle = this.handleOf(operand);
    return handle === undefined ? 0 : this.#addon.residentBytes(handle);
  }

  /** Makes the copy with turns of the event loop in between. Threads and callers that want the same one share the work. */
  async ensure(operand: Operand, signal: AbortSignal | undefined): Promise<Failure | undefined> {
    if (this.handleOf(operand) !== undefined) return undefined;
    let fill = this.#fills.get(operand.id);
    if (fill?.version !== operand.version || fill.isAbandoned) {
      fill = new ResidentFill(operand.version, (abandoned) => this.#make(operand, abandoned));
      const started = fill;
      this.#fills.set(operand.id, started);
      void started.done.finally(() => {
        if (this.#fills.get(operand.id) === started) this.#fills.delete(operand.id);
      });
    }
    return fill.wait(signal);
  }

  /** Makes the copy of a graph at once: what a synchronous request on a new graph needs. */
  ensureNow(graph: CsrGraph): Failure | undefined {
    const refusal = refuseForLackOfMemory(graph);
    if (refusal !== undefined) return refusal;
    let handle = this.#open(graph, graph.id);
    // There is no waiting for another thread without blocking this one: make a copy of our own.
    if (handle > 0 && this.#addon.residentState(handle) === RESIDENT_STATE.theirs) {
      this.#addon.release(handle);
      handle = this.#open(graph, PRIVATE_ID);
    }
    if (handle < 0) return failToOpen(graph, handle);
    if (this.#addon.residentState(handle) === RESIDENT_STATE.ours) {
      let failure: Failure | undefined;
      try {
        failure =
          runToEnd(this.#fillWork(graph, handle, this.#contexts.sync)) ??
          runToEnd(this.#buildWork(handle, this.#contexts.sync));
      } catch (error) {
        this.#addon.release(handle);
        throw error;
      }
      if (failure !== undefined) {
        this.#addon.release(handle);
        return failure;
      }
    }
    this.#keep(graph, handle);
    return undefined;
  }

  release(operand: Operand): void {
    this.#drop(operand.id);
  }

  releaseAll(): void {
    for (const id of [...this.#residents.keys()]) this.#drop(id);
  }

  /** Resolves when no copy is being made any more. */
  async settle(): Promise<void> {
    await Promise.allSettled([...this.#fills.values()].map(({ done }) => done));
  }

  async #make(operand: Operand, abandoned: AbortSignal): Promise<Failure | undefined> {
    const refusal = refuseForLackOfMemory(operand);
    if (refusal !== undefined) return refusal;
    const handle = this.#open(operand, operand.id);
    if (handle < 0) return failToOpen(operand, handle);
    try {
      const failure = await this.#fill(operand, handle, abandoned);
      if (failure === undefined) this.#keep(operand, handle);
      else this.#addon.release(handle);
      return failure;
    } catch (error) {
      this.#addon.release(handle);
      throw error;
    }
  }

  async #fill(operand: Operand, handle: number, abandoned: AbortSignal): Promise<Failure | undefined> {
    for (;;) {
      if (abandoned.aborted) return failAborted();
      switch (this.#addon.residentState(handle)) {
        case RESIDENT_STATE.ready:
          return this.#refuseOtherValues(operand, handle);
        case RESIDENT_STATE.ours:
          return this.#fillOurs(operand, handle, abandoned);
        default:
          await setTimeout(POLL_MS);
      }
    }
  }

  async #fillOurs(operand: Operand, handle: number, abandoned: AbortSignal): Promise<Failure | undefined> {
    if (isMatrix(operand) && isShared(operand.values)) {
      const start = this.#addon.startFill.bind(this.#addon, this.#contexts.sync, handle, operand.values);
      const { status } = await runJob(this.#addon, start, abandoned);
      return status < 0 ? failWithStatus(status) : undefined;
    }
    const work = this.#fillWork(operand, handle, this.#contexts.yielding);
    const failure = await runYielding(work, () => abandoned.aborted);
    if (failure !== undefined || isMatrix(operand)) return failure;
    if (operandBytes(operand) < SMALL_BYTES) {
      return runYielding(this.#buildWork(handle, this.#contexts.yielding), () => abandoned.aborted);
    }
    const start = this.#addon.startBuild.bind(this.#addon, handle);
    const { status } = await runJob(this.#addon, start, abandoned);
    return status < 0 ? failWithStatus(status) : undefined;
  }

  #buildWork(handle: number, context: number): SlicedWork {
    return { step: () => this.#addon.buildGraph(context, handle) };
  }

  #fillWork(operand: Operand, handle: number, context: number): SlicedWork {
    const addon = this.#addon;
    const [first, second] = shapeOf(operand);
    const last = isMatrix(operand) ? first : first + second;
    let position = 0;
    return {
      step() {
        const next = isMatrix(operand)
          ? addon.fillMatrix(context, handle, operand.values, position)
          : addon.fillGraph(context, handle, operand.rowPointers, operand.columns, operand.weights, position);
        if (next < 0) return next;
        position = next;
        return position < last ? STEP_MORE : STEP_DONE;
      },
    };
  }

  #refuseOtherValues(operand: Operand, handle: number): Failure | undefined {
    if (!isMatrix(operand) || this.#addon.matchesMatrix(handle, operand.values)) return undefined;
    return fail('invalid-input', 'another operand with the same id and version, but other values, is resident');
  }

  #open(operand: Operand, id: number): number {
    const [first, second] = shapeOf(operand);
    return isMatrix(operand)
      ? this.#addon.openMatrix(id, operand.version, first, second)
      : this.#addon.openGraph(id, operand.version, first, second);
  }

  #keep(operand: Operand, handle: number): void {
    this.#drop(operand.id);
    this.#residents.set(operand.id, { version: operand.version, shape: shapeOf(operand), handle });
    const arrays = isMatrix(operand) ? operand.values : operand.rowPointers;
    this.#collected.register(arrays, { id: operand.id, version: operand.version });
  }

  #drop(id: number): void {
    const resident = this.#residents.get(id);
    if (resident === undefined) return;
    this.#residents.delete(id);
    this.#addon.release(resident.handle);
  }
}

export function isShared(view: Float32Array): boolean {
  return view.buffer instanceof SharedArrayBuffer;
}

/** What a copy takes, without the padding of its rows. */
export function operandBytes(operand: Operand): number {
  const [first, second] = shapeOf(operand);
  return isMatrix(operand) ? first * second * 4 : (first + 1) * 4 + second * 8;
}

function isMatrix(operand: Operand): operand is VectorMatrix {
  return 'values' in operand;
}

function shapeOf(operand: Operand): readonly [number, number] {
  return isMatrix(operand) ? [operand.rows, operand.dimensions] : [operand.nodes, operand.columns.length];
}

/** An allocation beyond what is free would succeed and have the process killed when it is filled. */
function refuseForLackOfMemory(operand: Operand): Failure | undefined {
  const requestedBytes = operandBytes(operand);
  if (requestedBytes < SMALL_BYTES) return undefined;
  const { freeBytes } = readMemory();
  if (freeBytes === null || requestedBytes <= freeBytes) return undefined;
  return fail('out-of-memory', 'there is no memory for a resident copy of the operand', { requestedBytes, freeBytes });
}

function failToOpen(operand: Operand, status: number): Failure {
  const failure = failWithStatus(status);
  if (failure.error.kind !== 'out-of-memory') return failure;
  const { freeBytes } = readMemory();
  return fail('out-of-memory', 'there is no memory for a resident copy of the operand', {
    nativeCode: status,
    requestedBytes: operandBytes(operand),
    ...(freeBytes === null ? {} : { freeBytes }),
  });
}
