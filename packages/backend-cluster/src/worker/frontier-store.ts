import type { Clock } from '../clock.js';
import type { AnswerStatus } from '../wire/answer.js';
import type { FrontierPiece } from '../wire/frontier-piece.js';
import type { ShardStore } from './shard-store.js';

interface Frontier {
  readonly activations: Float32Array;
  readonly pieces: number;
  readonly arrived: Set<number>;
  readonly stopTimer: () => void;
}

/** The activations of large graphs, for the queries of a hop that follow. They take memory of the shards, and are forgotten in time. */
export class FrontierStore {
  readonly #store: ShardStore;
  readonly #clock: Clock;
  readonly #frontiers = new Map<number, Frontier>();

  constructor(store: ShardStore, clock: Clock) {
    this.#store = store;
    this.#clock = clock;
  }

  /** Pieces may come in any order, and twice. */
  add({ id, nodes, pieces, index, first, budgetMs, activations }: FrontierPiece): AnswerStatus {
    const frontier = this.#frontiers.get(id) ?? this.#begin(id, nodes, pieces, budgetMs);
    if (typeof frontier === 'string') return frontier;
    if (frontier.activations.length !== nodes || frontier.pieces !== pieces) return 'invalid-input';
    frontier.activations.set(activations, first);
    frontier.arrived.add(index);
    return 'ok';
  }

  /** Undefined unless every piece is there. */
  find(id: number, nodes: number): Float32Array | undefined {
    const frontier = this.#frontiers.get(id);
    const isWhole = frontier?.activations.length === nodes && frontier.arrived.size === frontier.pieces;
    return isWhole ? frontier.activations : undefined;
  }

  drop(id: number): void {
    const frontier = this.#frontiers.get(id);
    if (frontier === undefined) return;
    frontier.stopTimer();
    this.#frontiers.delete(id);
    this.#store.unpromise(frontier.activations.byteLength, 0);
  }

  close(): void {
    for (const id of [...this.#frontiers.keys()]) this.drop(id);
  }

  #begin(id: number, nodes: number, pieces: number, budgetMs: number): Frontier | AnswerStatus {
    // No message makes a worker take memory for a graph that it has no part of.
    const graphs = [...this.#store.shards].filter(({ spec }) => spec.kind === 'graph' && spec.rows === nodes);
    if (graphs.length === 0) return 'stale';
    const nowMs = this.#clock.nowMs();
    // The graph must not be dropped for its own activations.
    for (const shard of graphs) shard.lastUsedMs = nowMs;
    if (!this.#store.promise(4 * nodes, nowMs, 0)) return 'overloaded';
    const stopTimer = this.#clock.startTimer(budgetMs, () => this.drop(id));
    const frontier = { activations: new Float32Array(nodes), pieces, arrived: new Set<number>(), stopTimer };
    this.#frontiers.set(id, frontier);
    return frontier;
  }
}
