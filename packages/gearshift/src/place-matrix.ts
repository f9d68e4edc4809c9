import type { Backend, MatrixPlacer, PlacedFiles, PlacedMatrix } from '@gearshift/contracts';
import { expected } from '@gearshift/contracts/internal';
import { throwRunError } from './run-errors.js';

/** Places a matrix on the first backend that can. */
export async function placeMatrix(
  backends: readonly Backend[],
  name: string,
  source: PlacedFiles,
  signal: AbortSignal | undefined,
): Promise<PlacedMatrix> {
  const placed = await placerOf(backends).place(name, source, signal);
  if (placed.ok) return placed.value;
  const { error: cause } = placed;
  const { kind, message, backend } = cause;
  const failure = { kind, message: `${backend}: ${message}`, decision: null, attempts: [], latencyMs: 0 };
  return throwRunError({ ...failure, cause, partial: null }, signal);
}

/** @throws TypeError when no backend can place matrices */
export function placerOf(backends: readonly Backend[]): MatrixPlacer {
  for (const { placed } of backends) if (placed !== undefined) return placed;
  const ids = backends.map(({ id }) => id).join(', ');
  throw new TypeError(expected('backends', 'one that can place matrices, such as that of createClusterBackend', ids));
}
