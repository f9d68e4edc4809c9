import type { CsrGraph } from './graph.js';
import type { VectorMatrix } from './matrix.js';
import type { Metric } from './operations.js';

/*
 * Requests that were checked: every default filled in, every length worked out. They are made by the functions of
 * prepare.ts alone and must not be changed afterwards.
 */

/**
 * The brand of a checked request. A private field cannot be forged and a spread does not copy it, so a changed copy of a
 * prepared request is checked again, as is one made by a second copy of this package. An instance costs a tenth of
 * freezing or marking a plain object, and every request pays for it.
 */
class Prepared {
  readonly #prepared = true;

  static is(request: object): boolean {
    return #prepared in request && request.#prepared;
  }
}

/** Whether a function of this module's package has already checked `request`. */
export function isPrepared(request: unknown): request is PreparedRequest {
  return typeof request === 'object' && request !== null && Prepared.is(request);
}

export class PreparedCosineSimilarity extends Prepared {
  readonly operation = 'cosine-similarity';
  readonly matrix: VectorMatrix;
  readonly query: Float32Array;
  /** Number of query vectors, at least 1. */
  readonly queries: number;
  readonly start: number;
  readonly end: number;
  /** Elements of the output: `queries * (end - start)`. */
  readonly outputLength: number;

  constructor(matrix: VectorMatrix, query: Float32Array, start: number, end: number) {
    super();
    this.matrix = matrix;
    this.query = query;
    this.queries = query.length / matrix.dimensions;
    this.start = start;
    this.end = end;
    this.outputLength = this.queries * (end - start);
  }
}

export class PreparedTopK extends Prepared {
  readonly operation = 'top-k';
  readonly matrix: VectorMatrix;
  readonly query: Float32Array;
  /** Number of query vectors, at least 1. */
  readonly queries: number;
  readonly start: number;
  readonly end: number;
  /** The caller's k. */
  readonly k: number;
  readonly metric: Metric;
  readonly candidates: Uint32Array | undefined;
  /** Entries per query: `min(k, rows considered)`. */
  readonly count: number;
  /** Elements of each output array: `queries * count`. */
  readonly outputLength: number;

  constructor(
    matrix: VectorMatrix,
    query: Float32Array,
    start: number,
    end: number,
    k: number,
    metric: Metric,
    candidates: Uint32Array | undefined,
  ) {
    super();
    this.matrix = matrix;
    this.query = query;
    this.queries = query.length / matrix.dimensions;
    this.start = start;
    this.end = end;
    this.k = k;
    this.metric = metric;
    this.candidates = candidates;
    this.count = Math.min(k, candidates === undefined ? end - start : candidates.length);
    this.outputLength = this.queries * this.count;
  }
}

export class PreparedSpreadActivation extends Prepared {
  readonly operation = 'spread-activation';
  readonly graph: CsrGraph;
  readonly activations: Float32Array;
  readonly hops: number;
  readonly decay: number;
  readonly retention: number;
  readonly threshold: number;
  readonly start: number;
  readonly end: number;
  /** Elements of the output: `end - start`. */
  readonly outputLength: number;

  constructor(
    graph: CsrGraph,
    activations: Float32Array,
    start: number,
    end: number,
    options: { hops: number; decay: number; retention: number; threshold: number },
  ) {
    super();
    this.graph = graph;
    this.activations = activations;
    this.hops = options.hops;
    this.decay = options.decay;
    this.retention = options.retention;
    this.threshold = options.threshold;
    this.start = start;
    this.end = end;
    this.outputLength = end - start;
  }
}

export type PreparedRequest = PreparedCosineSimilarity | PreparedTopK | PreparedSpreadActivation;
