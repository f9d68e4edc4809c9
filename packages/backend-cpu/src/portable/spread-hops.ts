import type { PreparedSpreadActivation } from '@gearshift/contracts';
import { sumOfRow } from './sum-of-row.js';
import { OPERATIONS_PER_ENTRY, OPERATIONS_PER_STRIDE, type Strides } from './time-slice.js';

/**
 * Hops of spreading activation. The incoming edges of a node are summed in double precision, by ascending sender and repeated
 * edges in the order of the graph. The native levels do the same, and give the same bits. Each node's activation is rounded to
 * float32 after every hop, so that several hops have the same bits as single hops in sequence. The options are rounded to
 * float32 like the values they are compared with: an activation given as 0.7 is not below a threshold of 0.7.
 */
export class SpreadHops implements Strides {
  readonly #request: PreparedSpreadActivation;
  readonly #output: Float32Array;
  readonly #decay: number;
  readonly #retention: number;
  readonly #threshold: number;
  readonly #spare: Float32Array;
  #input: Float32Array;
  #hopsLeft: number;
  #node: number;

  /** @param spare alternates with the output: one value per node for several hops, else empty */
  constructor(request: PreparedSpreadActivation, output: Float32Array, spare: Float32Array) {
    this.#request = request;
    this.#output = output;
    this.#decay = Math.fround(request.decay);
    this.#retention = Math.fround(request.retention);
    this.#threshold = Math.fround(request.threshold);
    this.#spare = spare;
    this.#input = request.activations;
    this.#hopsLeft = request.hops;
    this.#node = request.start;
  }

  advance(): boolean {
    const { start, end } = this.#request;
    if (this.#hopsLeft === 0) {
      this.#output.set(this.#input.subarray(start, end));
      return true;
    }
    // The last hop must write to the output, so the hop before it writes to the spare array, and so on.
    const target = this.#hopsLeft % 2 === 1 ? this.#output : this.#spare;
    this.#hop(target);
    if (this.#node < end) return false;
    this.#input = target;
    this.#node = start;
    this.#hopsLeft -= 1;
    return this.#hopsLeft === 0;
  }

  #hop(target: Float32Array): void {
    const { start, end, graph } = this.#request;
    const { rowPointers } = graph;
    let left = OPERATIONS_PER_STRIDE;
    for (; left > 0 && this.#node < end; this.#node++) {
      const firstEdge = rowPointers[this.#node];
      const lastEdge = rowPointers[this.#node + 1];
      const sum = sumOfRow(graph, firstEdge, lastEdge, this.#input);
      const activation = Math.fround(this.#retention * this.#input[this.#node] + this.#decay * sum);
      target[this.#node - start] = Math.abs(activation) < this.#threshold ? 0 : activation;
      left -= lastEdge - firstEdge + OPERATIONS_PER_ENTRY;
    }
  }
}
