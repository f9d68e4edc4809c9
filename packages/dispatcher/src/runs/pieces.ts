import {
  mergeRanked,
  prepareCosineSimilarity,
  prepareSpreadActivation,
  prepareTopK,
  type PreparedCosineSimilarity,
  type PreparedRequest,
  type PreparedSpreadActivation,
  type PreparedTopK,
  type TopKOutput,
} from '@gearshift/contracts';
import { outputFor } from '../output-for.js';

/** A part of a request, with memory of its own for the part's answer. */
export interface Piece {
  readonly request: PreparedRequest;
  readonly output: Float32Array | TopKOutput;
}

/** A request cut into pieces along its items, and what becomes of the pieces' answers. */
export interface Pieces {
  /** Rows, candidates or nodes. */
  readonly items: number;
  /** The part for items `[start, end)`. */
  piece(start: number, end: number): Piece;
  /** Takes over the answer of a part, which was this device's or that one's. */
  accept(start: number, end: number, answer: Float32Array | TopKOutput): void;
}

/**
 * Writes into `output`, as parts come in. Of spreading a single hop: several need every node, and are cut hop by hop.
 *
 * @param isContinued the output holds the answers of items that are done already.
 */
export function cutIntoPieces(
  request: PreparedRequest,
  output: Float32Array | TopKOutput,
  isContinued = false,
): Pieces {
  // An output always has the type that belongs to its request: hence the casts.
  switch (request.operation) {
    case 'cosine-similarity':
      return new ScorePieces(request, output as Float32Array);
    case 'top-k':
      return new RankingPieces(request, output as TopKOutput, isContinued);
    case 'spread-activation':
      return new NodePieces(request, output as Float32Array);
  }
}

class ScorePieces implements Pieces {
  readonly items: number;
  readonly #request: PreparedCosineSimilarity;
  readonly #output: Float32Array;

  constructor(request: PreparedCosineSimilarity, output: Float32Array) {
    this.items = request.end - request.start;
    this.#request = request;
    this.#output = output;
  }

  piece(start: number, end: number): Piece {
    const { operation, matrix, query, start: first } = this.#request;
    const request = prepareCosineSimilarity({ operation, matrix, query, start: first + start, end: first + end });
    return { request, output: outputFor(request, undefined) };
  }

  /** Row-major, queries by rows: each query's scores of the part go to a place of their own. */
  accept(start: number, end: number, answer: Float32Array): void {
    const rows = end - start;
    for (let query = 0; query < this.#request.queries; query++) {
      this.#output.set(answer.subarray(query * rows, (query + 1) * rows), query * this.items + start);
    }
  }
}

class NodePieces implements Pieces {
  readonly items: number;
  readonly #request: PreparedSpreadActivation;
  readonly #output: Float32Array;

  constructor(request: PreparedSpreadActivation, output: Float32Array) {
    this.items = request.end - request.start;
    this.#request = request;
    this.#output = output;
  }

  piece(start: number, end: number): Piece {
    const { operation, graph, activations, hops, decay, retention, threshold, start: first } = this.#request;
    const range = { start: first + start, end: first + end };
    const options = { hops, decay, retention, threshold };
    const request = prepareSpreadActivation({ operation, graph, activations, ...options, ...range });
    return { request, output: outputFor(request, undefined) };
  }

  accept(start: number, _end: number, answer: Float32Array): void {
    this.#output.set(answer, start);
  }
}

/** Keeps the best of the parts that came in, so that an unfinished answer is the best of what is done. */
class RankingPieces implements Pieces {
  readonly items: number;
  readonly #request: PreparedTopK;
  readonly #output: TopKOutput;
  readonly #spare: { readonly indices: Uint32Array; readonly scores: Float32Array };

  constructor(request: PreparedTopK, output: TopKOutput, isContinued: boolean) {
    this.items = request.candidates?.length ?? request.end - request.start;
    this.#request = request;
    this.#output = output;
    this.#spare = { indices: new Uint32Array(request.count), scores: new Float32Array(request.count) };
    if (!isContinued) output.count = 0;
  }

  piece(start: number, end: number): Piece {
    const { operation, matrix, query, k, metric, candidates, start: first, end: last } = this.#request;
    const range = candidates === undefined ? { start: first + start, end: first + end } : { start: first, end: last };
    const some = candidates?.subarray(start, end);
    const request = prepareTopK({ operation, matrix, query, k, metric, candidates: some, ...range });
    return { request, output: outputFor(request, undefined) };
  }

  /** The lists of the queries lie one after the other, `count` entries each, and grow with what was accepted. */
  accept(_start: number, _end: number, answer: TopKOutput): void {
    const { queries, count: most, metric } = this.#request;
    const { indices, scores, count: before } = this.#output;
    const after = Math.min(most, before + answer.count);
    // From the last query on where lists grow, so that none is overwritten before it was read.
    for (let query = queries - 1; query >= 0; query--) {
      const sofar = listAt(this.#output, query, before);
      const added = listAt(answer, query, answer.count);
      mergeRanked(metric, [sofar, added], {
        indices: this.#spare.indices.subarray(0, after),
        scores: this.#spare.scores.subarray(0, after),
      });
      indices.set(this.#spare.indices.subarray(0, after), query * after);
      scores.set(this.#spare.scores.subarray(0, after), query * after);
    }
    this.#output.count = after;
  }
}

function listAt({ indices, scores }: TopKOutput, query: number, count: number) {
  const start = query * count;
  return { indices: indices.subarray(start, start + count), scores: scores.subarray(start, start + count) };
}
