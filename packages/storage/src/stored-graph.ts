import type { CsrGraph, NativeRows } from '@gearshift/contracts';
import { nextOperandId } from '@gearshift/contracts/internal';
import { countMemory } from './count-memory.js';
import { FLAGS, initControl, sequenceOf, type Header } from './control.js';
import { createGraphMemory, graphArrays, GRAPH_VERSION, type GraphArrays, type StoredEdges } from './graph-memory.js';
import { dropPages, goneError, HeldMemory } from './held-memory.js';
import { requireGraphHandle } from './require-handle.js';
import type { Version } from './version.js';

export interface StoredGraphOptions {
  readonly native?: NativeRows | undefined;
  readonly expectedUses?: number | undefined;
  /** Called when the graph was disposed, and again after the requests of this thread that were under way then. */
  readonly onDispose?: ((graph: { readonly id: number }) => void) | undefined;
}

/** What `postMessage` sends of a stored graph: the memory is shared, no edges are copied. */
export interface GraphHandle extends Pick<CsrGraph, 'id' | 'version' | 'nodes' | 'expectedUses'> {
  readonly stored: StoredEdges;
}

/** The memory of a graph as one thread sees it. */
interface OpenGraph {
  readonly memory: StoredEdges;
  readonly held: HeldMemory;
  readonly header: Header;
  readonly version: Version<CsrGraph>;
}

/**
 * A graph in shared memory, with edges that are there once for all threads of the host. It never changes. Requests under way
 * keep it; after its disposal the last of them gives the memory back, in whichever thread it runs.
 */
export class StoredGraph implements CsrGraph, AsyncDisposable {
  // Own properties, for postMessage; the arrays are not sent.
  readonly id: number;
  readonly version: number = GRAPH_VERSION;
  readonly nodes: number;
  declare readonly expectedUses?: number | undefined;
  // With a getter.
  declare readonly stored: StoredEdges;
  readonly #isOwner: boolean;
  #open: OpenGraph | undefined;

  private constructor(
    id: number,
    nodes: number,
    memory: StoredEdges,
    { native, expectedUses, onDispose }: StoredGraphOptions,
    isOwner: boolean,
  ) {
    this.id = id;
    this.nodes = nodes;
    if (expectedUses !== undefined) this.expectedUses = expectedUses;
    this.#isOwner = isOwner;
    const { control, arrays } = memory;
    const held = new HeldMemory({
      name: 'graph',
      control,
      buffers: [arrays],
      native,
      onDispose: () => onDispose?.(this),
    });
    const header = headerOf(nodes);
    const operand = Object.freeze({
      id,
      version: GRAPH_VERSION,
      nodes,
      ...graphArrays(memory, nodes),
      ...(expectedUses === undefined ? {} : { expectedUses }),
    });
    const version = { operand, release: () => held.release(sequenceOf(GRAPH_VERSION)) };
    this.#open = { memory, held, header, version };
    if (isOwner) countMemory(arrays);
    Object.defineProperty(this, 'stored', { enumerable: true, get: () => this.#live().memory });
  }

  /**
   * A graph that belongs to this thread, with arrays of zeros that `fill` fills before any other code sees them.
   *
   * @throws RangeError when there is no memory for it
   */
  static create(
    nodes: number,
    edges: number,
    options: StoredGraphOptions,
    fill: (arrays: GraphArrays) => void,
  ): StoredGraph {
    const memory = createGraphMemory(nodes, edges, options.native);
    try {
      fill(graphArrays(memory, nodes));
    } catch (error) {
      if (options.native !== undefined) dropPages([memory.arrays], options.native);
      throw error;
    }
    initControl(memory.control, headerOf(nodes), 0);
    return new StoredGraph(nextOperandId(), nodes, memory, options, true);
  }

  /**
   * A graph that another thread created and posted to this one. Disposing it here has no effect on other threads.
   *
   * @throws TypeError or RangeError for anything else
   */
  static attach(handle: GraphHandle, options: Pick<StoredGraphOptions, 'native' | 'onDispose'>): StoredGraph {
    const { id, nodes, expectedUses, stored } = requireGraphHandle(handle);
    return new StoredGraph(id, nodes, stored, { ...options, expectedUses }, false);
  }

  get rowPointers(): Uint32Array {
    return this.#arrays().rowPointers;
  }

  get columns(): Uint32Array {
    return this.#arrays().columns;
  }

  get weights(): Float32Array {
    return this.#arrays().weights;
  }

  /** The graph for requests, the same object each time, held until it is released. */
  acquire(): Version<CsrGraph> {
    const { held, header, version } = this.#live();
    held.hold(header);
    return version;
  }

  /** Gives back all memory as soon as requests under way have ended. Any later use throws TypeError. */
  async [Symbol.asyncDispose](): Promise<void> {
    const held = this.#open?.held;
    this.#open = undefined;
    if (this.#isOwner) held?.retire(FLAGS.disposed);
    else held?.close();
  }

  #arrays(): GraphArrays {
    const { held, version } = this.#live();
    held.requireLive();
    return version.operand;
  }

  #live(): OpenGraph {
    if (this.#open === undefined) throw goneError('graph', FLAGS.disposed);
    return this.#open;
  }
}

function headerOf(nodes: number): Header {
  return { version: GRAPH_VERSION, rows: nodes, removedRows: 0 };
}
