import assert from 'node:assert/strict';
import type { BackendErrorKind, PhaseTimes, BackendError, Result } from '@gearshift/contracts';
import type { OracleScore } from '../oracle/oracle-scores.js';

const UNIT_ROUNDOFF = 2 ** -24;

/** Checks each value against the oracle: NaN and infinities exactly, numbers within the bound. */
export function assertClose(
  actual: ArrayLike<number>,
  expected: readonly OracleScore[],
  toleranceFactor: number,
  context: string,
): void {
  assert.equal(actual.length, expected.length, `${context}: number of values`);
  for (let i = 0; i < expected.length; i++) {
    // The message is made only where it is needed: there are millions of values.
    if (isNear(actual[i], expected[i], toleranceFactor)) continue;
    assertNear(actual[i], expected[i], toleranceFactor, `${context} [${i}]`);
  }
}

export function assertNear(actual: number, expected: OracleScore, toleranceFactor: number, context: string): void {
  if (isNear(actual, expected, toleranceFactor)) return;
  const rounded = Math.fround(expected.score);
  assert.fail(
    Number.isFinite(rounded)
      ? `${context}: expected ${expected.score} within ${toleranceOf(expected, toleranceFactor)}, got ${actual}`
      : `${context}: expected ${rounded}, got ${actual}`,
  );
}

function isNear(actual: number, expected: OracleScore, toleranceFactor: number): boolean {
  const rounded = Math.fround(expected.score);
  if (!Number.isFinite(rounded)) return Object.is(actual, rounded);
  return Math.abs(actual - expected.score) <= toleranceOf(expected, toleranceFactor);
}

function toleranceOf({ score, bound }: OracleScore, toleranceFactor: number): number {
  return toleranceFactor * bound + UNIT_ROUNDOFF * Math.abs(score);
}

/** Checks that two arrays hold the same bits, all NaN being one. */
export function assertSameBits(actual: Float32Array, expected: Float32Array, context: string): void {
  assert.equal(actual.length, expected.length, `${context}: number of values`);
  for (let i = 0; i < expected.length; i++) {
    if (Object.is(actual[i], expected[i])) continue;
    assert.fail(`${context} [${i}]: expected ${expected[i]}, got ${actual[i]}`);
  }
}

export function assertSucceeded(answer: Result<PhaseTimes, BackendError>, context: string): void {
  assert.ok(answer.ok, `${context}: expected success, got ${answer.ok ? '' : answer.error.kind}`);
  const { fused, networkMs = 0, mergedRequests = 1, ...times } = answer.value;
  assert.equal(typeof fused, 'boolean', `${context}: fused`);
  assert.ok(Number.isInteger(mergedRequests) && mergedRequests >= 1, `${context}: mergedRequests`);
  for (const [name, timeMs] of Object.entries({ ...times, networkMs })) {
    assert.ok(Number.isFinite(timeMs) && timeMs >= 0, `${context}: ${name} is ${String(timeMs)}`);
  }
}

/** Checks that a request failed with this kind, as plain data that names the backend. */
export function assertFailed(
  answer: Result<unknown, BackendError>,
  kind: BackendErrorKind,
  backend: string,
  context: string,
): void {
  assert.ok(!answer.ok, `${context}: expected the error ${kind}, got success`);
  assert.equal(answer.error.kind, kind, `${context}: ${answer.error.message}`);
  assert.equal(answer.error.backend, backend, `${context}: backend of the error`);
  assert.notEqual(answer.error.message, '', `${context}: message of the error`);
  assert.deepEqual(structuredClone(answer), answer, `${context}: the error does not survive being posted`);
}
