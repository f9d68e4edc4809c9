import type { CsrGraph } from '@gearshift/contracts';

const ARRAYS = ['rowPointers', 'columns', 'weights'] as const;

/** A graph over the caller's own arrays. `postMessage` sends the arrays, so another thread receives a plain graph. */
export class AdoptedGraph implements CsrGraph, AsyncDisposable {
  readonly id: number;
  readonly version: number;
  readonly nodes: number;
  declare readonly rowPointers: Uint32Array;
  declare readonly columns: Uint32Array;
  declare readonly weights: Float32Array;
  declare readonly expectedUses?: number | undefined;
  #graph: CsrGraph | undefined;
  readonly #onDispose: (graph: { readonly id: number }) => void;

  constructor(graph: CsrGraph, onDispose: (graph: { readonly id: number }) => void) {
    this.id = graph.id;
    this.version = graph.version;
    this.nodes = graph.nodes;
    if (graph.expectedUses !== undefined) this.expectedUses = graph.expectedUses;
    this.#graph = graph;
    this.#onDispose = onDispose;
    // Own properties, for postMessage; getters, so that the memory is dropped even if this is frozen.
    for (const name of ARRAYS) Object.defineProperty(this, name, { enumerable: true, get: () => this.#live()[name] });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#graph === undefined) return;
    this.#graph = undefined;
    this.#onDispose(this);
  }

  #live(): CsrGraph {
    if (this.#graph === undefined) throw new TypeError('graph is disposed');
    return this.#graph;
  }
}
