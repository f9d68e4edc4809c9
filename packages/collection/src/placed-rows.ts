import type { PlacedMatrix, TopKOutput } from '@gearshift/contracts';
import { isError } from '@gearshift/contracts/internal';
import type { PlacingExecutor, RankingOptions } from './collection-executor.js';

/** The rows of one saved state of a collection on other machines. */
export class PlacedRows {
  readonly #executor: PlacingExecutor;
  readonly #name: string;
  #matrix: PlacedMatrix;

  /** @param matrix of which the label names the state */
  constructor(executor: PlacingExecutor, name: string, matrix: PlacedMatrix) {
    this.#executor = executor;
    this.#name = name;
    this.#matrix = matrix;
  }

  async topK(values: Float32Array, options: RankingOptions): Promise<TopKOutput> {
    const matrix = this.#matrix;
    try {
      return await this.#executor.topK(values, matrix, options);
    } catch (error) {
      if (!isStale(error) || !this.#renew(matrix)) throw error;
      return this.#executor.topK(values, this.#matrix, options);
    }
  }

  /** Another process may have placed the same state again. Rows of another state are never used. */
  #renew(dropped: PlacedMatrix): boolean {
    const newest = this.#executor.placed(this.#name);
    if (newest === undefined || newest.version === dropped.version || newest.label !== dropped.label) return false;
    this.#matrix = newest;
    return true;
  }
}

function isStale(error: unknown): boolean {
  return isError(error, 'AllDevicesFailedError') && (error as Error & { readonly kind?: unknown }).kind === 'stale';
}
