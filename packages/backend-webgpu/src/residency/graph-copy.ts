import type { CsrGraph } from '@gearshift/contracts';
import type { BackendFailures, Failure } from '@gearshift/native-kit';
import type { GpuDevice } from '../device/gpu-device.js';
import { MOST_EDGES_OF_LANE } from '../kernels/spread.js';

const PIECE_ELEMENTS = 2 ** 20;

/** The edges of nodes `[first, end)`, in buffers of their own: no binding may be larger than the device allows. */
export interface GraphPart {
  readonly first: number;
  readonly end: number;
  readonly firstEdge: number;
  readonly columns: GPUBuffer;
  readonly weights: GPUBuffer;
  /** The nodes with more edges than one lane adds up, ascending, and the same on the device. */
  readonly longNodes: Uint32Array;
  readonly longNodesBuffer: GPUBuffer;
}

/** A graph on a device, with its weights as bits. */
export class GraphCopy {
  readonly nodes: number;
  /** On the host, as it was checked. */
  readonly rowPointers: Uint32Array;
  readonly #device: GpuDevice;
  readonly #failures: BackendFailures;
  #rowPointersBuffer: GPUBuffer | undefined;
  #parts: GraphPart[] = [];

  constructor(device: GpuDevice, failures: BackendFailures, graph: CsrGraph) {
    this.#device = device;
    this.#failures = failures;
    this.nodes = graph.nodes;
    this.rowPointers = graph.rowPointers.slice();
  }

  /** Why a graph cannot be on this device, if so. */
  static refusal(device: GpuDevice, { nodes, rowPointers }: CsrGraph): string | undefined {
    const mostElements = device.largestBufferBytes / 4;
    if (nodes + 1 > mostElements) return `a graph of more than ${mostElements - 1} nodes`;
    for (let node = 0; node < nodes; node++) {
      if (rowPointers[node + 1] - rowPointers[node] > mostElements)
        return `a node with more than ${mostElements} edges`;
    }
    return undefined;
  }

  get parts(): readonly GraphPart[] {
    return this.#parts;
  }

  get rowPointersBuffer(): GPUBuffer {
    if (this.#rowPointersBuffer === undefined) throw new Error('the graph has not been uploaded');
    return this.#rowPointersBuffer;
  }

  get bytes(): number {
    return this.#buffers().reduce((sum, { size }) => sum + size, 0);
  }

  /** Uploads the graph, with turns of the event loop in between. */
  async upload(graph: CsrGraph, signal: AbortSignal | undefined): Promise<Failure | undefined> {
    // An earlier attempt may have got as far as that.
    const failure = this.#rowPointersBuffer === undefined ? await this.#allocate() : undefined;
    if (failure !== undefined) return failure;
    const pointers = this.#rowPointersBuffer;
    if (pointers === undefined) return this.#failures.of('fault', 'the graph has no buffer');
    return (await this.#write(pointers, this.rowPointers, signal)) ?? (await this.#writeParts(graph, signal));
  }

  destroy(): void {
    for (const buffer of this.#buffers()) this.#device.pool.destroy(buffer);
    this.#parts = [];
    this.#rowPointersBuffer = undefined;
  }

  #buffers(): GPUBuffer[] {
    const ofParts = this.#parts.flatMap(({ columns, weights, longNodesBuffer }) => [columns, weights, longNodesBuffer]);
    return this.#rowPointersBuffer === undefined ? ofParts : [this.#rowPointersBuffer, ...ofParts];
  }

  #allocate(): Promise<Failure | undefined> {
    const { rowPointers, nodes } = this;
    const mostEdges = this.#device.largestBufferBytes / 4;
    return this.#device
      .createBuffers((own) => {
        const pointers = own(bufferBytes(nodes + 1));
        const parts: GraphPart[] = [];
        for (let first = 0; first < nodes;) {
          const firstEdge = rowPointers[first];
          let end = first;
          const longNodes: number[] = [];
          for (; end < nodes && rowPointers[end + 1] - firstEdge <= mostEdges; end++) {
            if (rowPointers[end + 1] - rowPointers[end] > MOST_EDGES_OF_LANE) longNodes.push(end);
          }
          const bytes = bufferBytes(rowPointers[end] - firstEdge);
          parts.push({
            first,
            end,
            firstEdge,
            columns: own(bytes),
            weights: own(bytes),
            longNodes: Uint32Array.from(longNodes),
            longNodesBuffer: own(bufferBytes(longNodes.length)),
          });
          first = end;
        }
        this.#rowPointersBuffer = pointers;
        this.#parts = parts;
      })
      .then((failure) => {
        if (failure === undefined) return undefined;
        this.#parts = [];
        this.#rowPointersBuffer = undefined;
        return failure;
      });
  }

  async #writeParts(graph: CsrGraph, signal: AbortSignal | undefined): Promise<Failure | undefined> {
    const { columns, weights } = graph;
    for (const part of this.#parts) {
      const lastEdge = this.rowPointers[part.end];
      for (let edge = part.firstEdge; edge < lastEdge; edge += PIECE_ELEMENTS) {
        const end = Math.min(edge + PIECE_ELEMENTS, lastEdge);
        // Copies, which nothing can change after they were checked.
        const columnsOfPiece = columns.slice(edge, end);
        const weightsOfPiece = weights.slice(edge, end);
        if (columnsOfPiece.length !== end - edge || !columnsOfPiece.every((column) => column < this.nodes)) {
          return this.#failures.of('invalid-input', 'the graph changed after it was checked');
        }
        const offset = (edge - part.firstEdge) * 4;
        const failure = await this.#run(signal, (write) => {
          write(part.columns, offset, columnsOfPiece);
          write(part.weights, offset, weightsOfPiece);
        });
        if (failure !== undefined) return failure;
      }
      const failure = await this.#write(part.longNodesBuffer, part.longNodes, signal);
      if (failure !== undefined) return failure;
    }
    return undefined;
  }

  async #write(buffer: GPUBuffer, data: Uint32Array, signal: AbortSignal | undefined): Promise<Failure | undefined> {
    for (let at = 0; at < data.length; at += PIECE_ELEMENTS) {
      const piece = data.slice(at, at + PIECE_ELEMENTS);
      const failure = await this.#run(signal, (write) => write(buffer, at * 4, piece));
      if (failure !== undefined) return failure;
    }
    return undefined;
  }

  async #run(
    signal: AbortSignal | undefined,
    record: (write: (buffer: GPUBuffer, offset: number, data: Uint32Array | Float32Array) => void) => void,
  ): Promise<Failure | undefined> {
    if (signal?.aborted === true) return this.#failures.aborted();
    const written = await this.#device.run((work) => record((...piece) => work.write(...piece)));
    return written.ok ? undefined : written;
  }
}

/** A binding has at least one element. */
function bufferBytes(elements: number): number {
  return Math.max(4, elements * 4);
}
