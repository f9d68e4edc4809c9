import type { CompanionCounts, CompanionState, CsrGraph, Operand, VectorMatrix } from '@gearshift/contracts';
import { runJob } from '@gearshift/native-kit';
import { TRANSPOSE_MORE, type CpuAddon } from './addon.js';
import { CodeBuilder, type CodeBuilderParts } from './code-builder.js';
import { lackOfMemory, type CpuResidents } from './cpu-residents.js';
import type { Searched } from './searched.js';
import { LEAST_SPARSE_EDGES } from './sliced-spread.js';

/** As in core/row_centres.h. A matrix may have grown to so many since its codes were made. */
const LEAST_ROWS_OF_CENTRES = 200_000;

/**
 * What requests have shown to pay, and is made after them: codes of matrices, and transposed forms of graphs. No request waits for any
 * of it, and all have the same results before, meanwhile and after.
 */
export class BackgroundWork {
  readonly #addon: CpuAddon;
  readonly #residents: CpuResidents;
  readonly #codes: CodeBuilder;
  /** The ids of graphs that are getting their transposed form. */
  readonly #transposing = new Set<number>();

  constructor(parts: CodeBuilderParts) {
    this.#addon = parts.addon;
    this.#residents = parts.residents;
    this.#codes = new CodeBuilder(parts);
  }

  /** A request begins. */
  pause(): void {
    this.#codes.pause();
  }

  /** There is a resident copy of an operand. */
  ensured(operand: Operand): void {
    this.#codes.ensured(operand);
  }

  /** A ranking has ended that took so long. */
  ranked(matrix: VectorMatrix, searched: Searched, kernelMs: number): void {
    if (searched.lacksCodes) this.#codes.scanned(matrix, kernelMs);
    else if (matrix.rows >= LEAST_ROWS_OF_CENTRES) this.#codes.ensured(matrix);
  }

  /** A request has spread over a graph. */
  spread(graph: CsrGraph): void {
    if (graph.columns.length < LEAST_SPARSE_EDGES || this.#transposing.has(graph.id)) return;
    const handle = this.#residents.handleOf(graph);
    if (handle === undefined || !this.#addon.transposeDue(handle)) return;
    // Without memory for it there is none.
    if (lackOfMemory(transposedBytes(graph)) !== undefined) return;
    void this.#transpose(graph, handle);
  }

  /** Gives up what is for an operand alone. The transposition of a graph ends with its copy. */
  forget(operand: Pick<Operand, 'id'>): void {
    this.#codes.forget(operand);
  }

  counts(): CompanionCounts {
    return this.#codes.counts();
  }

  describe(matrix: VectorMatrix): CompanionState {
    return this.#codes.describe(matrix);
  }

  close(): Promise<void> {
    return this.#codes.close();
  }

  /** Piece by piece, so that requests on the same threads do not wait. Ends early when the copy of the graph is released. */
  async #transpose(graph: CsrGraph, handle: number): Promise<void> {
    this.#transposing.add(graph.id);
    const start = this.#addon.startTranspose.bind(this.#addon, handle);
    let status: number = TRANSPOSE_MORE;
    while (status === TRANSPOSE_MORE && this.#residents.handleOf(graph) === handle) {
      [status] = await runJob(this.#addon, start, undefined);
    }
    this.#transposing.delete(graph.id);
  }
}

/** Slightly more than the transposed form of a graph takes. */
function transposedBytes({ nodes, columns }: CsrGraph): number {
  return nodes * 14 + columns.length * 9;
}
