import { createExecutor, type BackendDescription } from 'gearshift';
import type { RunFacts, VectorMatch } from '../output/search-report.js';

export interface RankRowsOptions {
  /** `rows x dimensions`, row-major, at least one row. Used without a copy. */
  readonly values: Float32Array;
  readonly dimensions: number;
  /** `queries x dimensions`. */
  readonly query: Float32Array;
  readonly k: number;
}

export interface RankedRows {
  /** All matches of the first query, best first, then those of the second, and so on. */
  readonly matches: readonly VectorMatch[];
  readonly facts: RunFacts;
  /** Description of the backend that answered. */
  readonly device: BackendDescription;
}

/** Finds the k rows most similar to each query, by cosine, on the backend that the executor chooses. */
export async function rankRows({ values, dimensions, query, k }: RankRowsOptions): Promise<RankedRows> {
  await using executor = await createExecutor();
  await using matrix = await executor.matrix(values, { dimensions, adopt: true });
  const run = await executor.run({ operation: 'top-k', query, matrix, k });
  if (!run.ok) throw new Error(run.error.message, { cause: run.error });

  const { output, decision, attempts, latencyMs } = run.value;
  const backend = attempts.at(-1)?.backend;
  const device = executor.backends().find(({ id }) => id === backend);
  if (backend === undefined || decision === null || device === undefined) {
    throw new Error('expected a decision in the result, got null');
  }
  const matches = Array.from(output.indices, (row, index) => ({
    query: Math.floor(index / output.count),
    row,
    score: output.scores[index],
  }));
  return { matches, facts: { backend, decision, latencyMs, snapshot: executor.snapshot('top-k') }, device };
}
