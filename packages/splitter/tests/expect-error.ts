import type { Result } from '@gearshift/contracts';
import { expect } from 'vitest';
import type { ChunkError } from '../src/index.js';

/** The error of a run that failed, which must be plain data. */
export function expectError<E, O>(result: Result<unknown, ChunkError<E, O>>): ChunkError<E, O> {
  if (result.ok) throw new Error('the run did not fail');
  expect(structuredClone(result.error)).toEqual(result.error);
  return result.error;
}
