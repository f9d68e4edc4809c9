import { formatVectorReport } from '../output/format-report.js';
import { jsonLine, oneLine } from '../output/one-line.js';
import { createProgress } from '../output/progress.js';
import type { VectorSearchReport } from '../output/search-report.js';
import type { Terminal } from '../terminal.js';
import { UserError } from '../user-error.js';
import { rankRows } from '../ranking/rank-rows.js';
import { readVectors } from '../vectors/read-vectors.js';

export interface SearchVectorsOptions {
  /** Path of the rows to search. */
  readonly vectors: string;
  /** Path of the queries. */
  readonly queryVectors: string;
  readonly k: number;
  readonly json: boolean;
}

/** Reads rows and queries from files and prints the rows most similar to each query. */
export async function searchVectors(options: SearchVectorsOptions, terminal: Terminal): Promise<void> {
  const { vectors, queryVectors, k, json } = options;
  // The small file first, so that most mistakes are found before the long read.
  const queries = await readVectors(queryVectors, { allowSingle: true });
  const reading = createProgress('Reading', json ? undefined : terminal.progressStream);
  const corpus = await readVectors(vectors, { onProgress: reading.update }).finally(reading.stop);
  if (queries.dimensions !== corpus.dimensions) {
    throw new UserError(
      `${queryVectors}: vectors of ${queries.dimensions} dimensions, expected ${corpus.dimensions} as in ${vectors}`,
    );
  }
  for (const [path, { overflowCount }] of [[vectors, corpus] as const, [queryVectors, queries] as const]) {
    if (overflowCount === 0) continue;
    terminal.writeError(`gearshift: ${oneLine(path)}: ${overflowCount} values too large for float32 became infinite\n`);
  }

  const ranked = await rankRows({
    values: corpus.values,
    dimensions: corpus.dimensions,
    query: queries.values,
    queries: queries.rows,
    k,
  });
  const report: VectorSearchReport = { query: queryVectors, results: ranked.matches, ...ranked.facts };
  if (json) terminal.writeOut(jsonLine(report));
  else terminal.writeOut(formatVectorReport(report, `${corpus.rows} vectors in ${vectors}`, ranked.device));
}
