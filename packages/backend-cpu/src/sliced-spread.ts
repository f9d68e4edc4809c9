import type { PreparedSpreadActivation } from '@gearshift/contracts';
import type { CpuAddon } from './addon.js';
import { SCALAR, type AddonOfThread, type CallBlock } from './call-block.js';
import { STEP_DONE, STEP_MORE, type SlicedWork } from './sliced-work.js';

/** Hops of spreading activation. The result of each hop is the input of the next. */
export class SlicedSpread implements SlicedWork {
  readonly #addon: CpuAddon;
  readonly #block: CallBlock;
  readonly #context: number;
  readonly #handle: number;
  readonly #request: PreparedSpreadActivation;
  readonly #output: Float32Array;
  #input: Float32Array;
  #target: Float32Array;
  #hopsLeft: number;
  #node: number;

  constructor(
    { addon, block }: AddonOfThread,
    context: number,
    handle: number,
    request: PreparedSpreadActivation,
    output: Float32Array,
  ) {
    this.#addon = addon;
    this.#block = block;
    this.#context = context;
    this.#handle = handle;
    this.#request = request;
    this.#output = output;
    this.#input = request.activations;
    this.#hopsLeft = request.hops;
    this.#node = request.start;
    this.#target = this.#nextTarget(undefined);
  }

  step(): number {
    const { start, end, decay, retention, threshold } = this.#request;
    const { scalars } = this.#block;
    scalars[SCALAR.context] = this.#context;
    scalars[SCALAR.handle] = this.#handle;
    scalars[SCALAR.start] = start;
    scalars[SCALAR.end] = end;
    scalars[SCALAR.from] = this.#node;
    scalars[SCALAR.decay] = decay;
    scalars[SCALAR.retention] = retention;
    scalars[SCALAR.threshold] = threshold;
    const next = this.#addon.spread(this.#input, this.#target);
    if (next < 0) return next;
    this.#node = next;
    if (next < end) return STEP_MORE;
    this.#hopsLeft -= 1;
    if (this.#hopsLeft <= 0) return STEP_DONE;
    const free = this.#input === this.#request.activations ? undefined : this.#input;
    this.#input = this.#target;
    this.#node = start;
    this.#target = this.#nextTarget(free);
    return STEP_MORE;
  }

  /** The last hop writes to the caller's output. The earlier hops alternate between it and one spare array. */
  #nextTarget(free: Float32Array | undefined): Float32Array {
    if (this.#hopsLeft % 2 === 1) return this.#output;
    return free !== undefined && free !== this.#output ? free : new Float32Array(this.#output.length);
  }
}
