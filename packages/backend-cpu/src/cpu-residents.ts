import { types } from 'node:util';
import type { CsrGraph, Operand } from '@gearshift/contracts';
import {
  copyIdOf,
  isMatrix,
  RESIDENT_STATE,
  ResidentOperands,
  runJob,
  shapeOf,
  type Failure,
} from '@gearshift/native-kit';
import type { CpuAddon } from './addon.js';
import { failures, failWithStatus } from './backend-errors.js';
import { readMemory } from './memory-reading.js';
import { runToEnd, runYielding, STEP_DONE, STEP_MORE, type SlicedWork } from './sliced-work.js';

/** For smaller copies the free memory is not read, because that reads files, and graphs are built on this thread. */
const SMALL_BYTES = 16 * 2 ** 20;
/** The id of a copy that belongs to the caller instead of the process. */
const PRIVATE_ID = -1;

/** Contexts of the addon for slices of the two kinds. */
export interface SliceContexts {
  readonly sync: number;
  readonly yielding: number;
}

/** Copies in host memory: rows padded and aligned, norms stored, graphs built and checked. */
export class CpuResidents extends ResidentOperands {
  readonly #addon: CpuAddon;
  readonly #contexts: SliceContexts;

  constructor(addon: CpuAddon, contexts: SliceContexts) {
    super(addon, failures);
    this.#addon = addon;
    this.#contexts = contexts;
  }

  /** Creates the copy of a graph synchronously, for a synchronous request on a new graph. */
  ensureNow(graph: CsrGraph): Failure | undefined {
    let handle = this.open(graph);
    // A wait for another thread would block this one, so this creates a separate copy.
    if (typeof handle === 'number' && this.#addon.residentState(handle) === RESIDENT_STATE.theirs) {
      this.#addon.release(handle);
      handle = this.#openAs(PRIVATE_ID, graph);
    }
    if (typeof handle !== 'number') return handle;
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
    this.keep(graph, handle);
    return undefined;
  }

  protected override open(operand: Operand): number | Failure {
    const id = isMatrix(operand) ? operand.id : copyIdOf(operand);
    return refuseForLackOfMemory(operand) ?? this.#openAs(id, operand);
  }

  override async fill(operand: Operand, handle: number, signal: AbortSignal | undefined): Promise<Failure | undefined> {
    const isAborted = () => signal?.aborted === true;
    if (isMatrix(operand) && isShared(operand.values)) {
      const start = this.#addon.startFill.bind(this.#addon, this.#contexts.sync, handle, operand.values);
      const [status] = await runJob(this.#addon, start, signal);
      return status < 0 ? failWithStatus(status) : undefined;
    }
    const failure = await runYielding(this.#fillWork(operand, handle, this.#contexts.yielding), isAborted);
    if (failure !== undefined || isMatrix(operand)) return failure;
    if (operandBytes(operand) < SMALL_BYTES) {
      return runYielding(this.#buildWork(handle, this.#contexts.yielding), isAborted);
    }
    const start = this.#addon.startBuild.bind(this.#addon, handle);
    const [status] = await runJob(this.#addon, start, signal);
    return status < 0 ? failWithStatus(status) : undefined;
  }

  #openAs(id: number, operand: Operand): number | Failure {
    const [first, second] = shapeOf(operand);
    const handle = isMatrix(operand)
      ? this.#addon.openMatrix(id, operand.version, first, second)
      : this.#addon.openGraph(id, operand.version, first, second);
    return handle < 0 ? failToOpen(operand, handle) : handle;
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
}

export function isShared(view: Float32Array): boolean {
  return types.isSharedArrayBuffer(view.buffer);
}

/** Bytes of a copy, without the padding of its rows. */
export function operandBytes(operand: Operand): number {
  const [first, second] = shapeOf(operand);
  return isMatrix(operand) ? first * second * 4 : (first + 1) * 4 + second * 8;
}

/** An allocation beyond the free memory would succeed, and the system would kill the process when the memory is filled. */
function refuseForLackOfMemory(operand: Operand): Failure | undefined {
  const requestedBytes = operandBytes(operand);
  if (requestedBytes < SMALL_BYTES) return undefined;
  const { freeBytes } = readMemory();
  if (freeBytes === null || requestedBytes <= freeBytes) return undefined;
  return failures.of('out-of-memory', 'there is not enough memory for a resident copy of the operand', {
    requestedBytes,
    freeBytes,
  });
}

function failToOpen(operand: Operand, status: number): Failure {
  const failure = failWithStatus(status);
  if (failure.error.kind !== 'out-of-memory') return failure;
  const { freeBytes } = readMemory();
  return failures.of('out-of-memory', 'there is not enough memory for a resident copy of the operand', {
    nativeCode: status,
    requestedBytes: operandBytes(operand),
    ...(freeBytes === null ? {} : { freeBytes }),
  });
}
