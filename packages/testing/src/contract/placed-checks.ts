import assert from 'node:assert/strict';
import type { PlacedMatrix, TopKOutput } from '@gearshift/contracts';
import { assertFailed } from './assertions.js';
import type { ContractCheck } from './contract-check.js';

/** Nothing has placed it, so that a backend with a placer does not have it either. */
const ELSEWHERE: PlacedMatrix = { id: 4_000_000_001, version: 1, rows: 5, dimensions: 2, placement: 'elsewhere' };

export const placedChecks: readonly ContractCheck[] = [
  {
    name: 'placed: a matrix with rows that the backend cannot reach is unsupported, and nothing is written',
    async run({ backend, sync }) {
      const query = Float32Array.of(1, 2);
      const scores = new Float32Array(5).fill(7);
      const output: TopKOutput = { indices: new Uint32Array(2).fill(7), scores: new Float32Array(2).fill(7), count: 7 };
      const cosine = { operation: 'cosine-similarity', query, matrix: ELSEWHERE } as const;
      const ranking = { operation: 'top-k', query, matrix: ELSEWHERE, k: 2 } as const;
      for (const request of [cosine, ranking]) {
        assert.notEqual(backend.supports(request), true, `supports() of ${request.operation}`);
      }
      assert.notEqual(backend.placed?.has(ELSEWHERE), true, 'placed.has()');
      assertFailed(await backend.cosineSimilarity(cosine, scores), 'unsupported', backend.id, 'cosineSimilarity');
      assertFailed(await backend.topK(ranking, output), 'unsupported', backend.id, 'topK');
      if (sync !== undefined) {
        assertFailed(sync.cosineSimilaritySync(cosine, scores), 'unsupported', backend.id, 'cosineSimilaritySync');
        assertFailed(sync.topKSync(ranking, output), 'unsupported', backend.id, 'topKSync');
      }
      assert.deepEqual([...scores], [7, 7, 7, 7, 7], 'scores');
      assert.deepEqual([...output.indices, ...output.scores, output.count], [7, 7, 7, 7, 7], 'ranking');
      assert.equal(backend.formOf?.(ranking), undefined, 'formOf()');
    },
  },
];
