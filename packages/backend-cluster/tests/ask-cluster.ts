import { expect } from 'vitest';
import {
  createMatrix,
  createTopKOutput,
  prepareTopK,
  unwrap,
  type Backend,
  type BackendErrorKind,
  type VectorMatrix,
} from '@gearshift/contracts';
import { randomValues } from '@gearshift/testing';
import type { ManualClock } from '@gearshift/backend-cluster';
import { sharedCpu } from './start-cluster.js';

export const DIMENSIONS = 8;

/** Rows with many ties. */
export function someMatrix(rows = 256, seed = 1): VectorMatrix {
  const values = randomValues(rows * DIMENSIONS, seed);
  for (let row = 0; row < rows; row += 5) values.copyWithin(row * DIMENSIONS, 0, DIMENSIONS);
  return createMatrix(values, { dimensions: DIMENSIONS });
}

export interface Asked {
  /** `'right'`, or the kind of the error. A wrong answer fails the test. */
  readonly outcome: 'right' | BackendErrorKind;
  readonly message: string;
  readonly tookMs: number;
}

let queries = 0;

/** Asks for a ranking, and compares it with that of the CPU. */
export async function askCluster(
  clock: ManualClock,
  backend: Backend,
  matrix: VectorMatrix,
  signal?: AbortSignal,
): Promise<Asked> {
  queries += 1;
  const query = randomValues(DIMENSIONS, 1000 + queries);
  const request = prepareTopK({ operation: 'top-k', query, matrix, k: 9 });
  const output = createTopKOutput(request);
  const startedAtMs = clock.nowMs();
  const answer = await clock.advanceUntil(backend.topK(request, output, signal));
  const tookMs = clock.nowMs() - startedAtMs;
  if (!answer.ok) {
    const { kind, message } = answer.error;
    return { outcome: kind, message, tookMs };
  }
  const expected = createTopKOutput(request);
  unwrap(await (await sharedCpu()).topK(request, expected));
  expect([...output.indices]).toEqual([...expected.indices]);
  expect([...output.scores]).toEqual([...expected.scores]);
  return { outcome: 'right', message: '', tookMs };
}
