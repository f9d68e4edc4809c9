import type { PreparedSpreadActivation } from '@gearshift/contracts';
import type { CpuAddon } from './addon.js';
import { SCALAR, type AddonOfThread, type CallBlock } from './call-block.js';
import { STEP_DONE, STEP_MORE, type SlicedWork } from './sliced-work.js';

/** Graphs with fewer edges are spread over in microseconds, whether few nodes are active or many. */
export const LEAST_SPARSE_EDGES = 4096;

/** Hops of spreading activation. The result of each hop is the input of the next. */
export class SlicedSpread implements SlicedWork {
  readonly #addon: CpuAddon;
  readonly #block: CallBlock;
  readonly #context: number;
  readonly #handle: number;
  readonly #request: PreparedSpreadActivation;
  readonly #output: Float32Array;
  readonly #mayBeSparse: boolean;
  #input: Float32Array;
  #spare: Float32Array | undefined;
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
    this.#mayBeSparse = request.graph.columns.length >= LEAST_SPARSE_EDGES;
    this.#input = request.activations;
    this.#hopsLeft = request.hops;
    this.#node = request.start;
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
    if (this.#node === start && this.#mayBeSparse) {
      scalars[SCALAR.hops] = this.#hopsLeft;
      const done = this.#addon.spreadActive(this.#input, this.#output);
      if (done < 0) return done;
      if (done > 0) return this.#finishHops(done, this.#output);
    }
    const target = this.#target();
    const next = this.#addon.spread(this.#input, target);
    if (next < 0) return next;
    this.#node = next;
    return next < end ? STEP_MORE : this.#finishHops(1, target);
  }

  #finishHops(count: number, result: Float32Array): number {
    this.#hopsLeft -= count;
    if (this.#hopsLeft <= 0) return STEP_DONE;
    this.#input = result;
    this.#node = this.#request.start;
    return STEP_MORE;
  }

  /** The last hop writes to the caller's output. The earlier hops alternate between it and one spare array. */
  #target(): Float32Array {
    if (this.#hopsLeft % 2 === 0) return (this.#spare ??= new Float32Array(this.#output.length));
    // Hops over active nodes only write to the output, whatever their number.
    if (this.#input === this.#output) this.#input = this.#output.slice();
    return this.#output;
  }
}
