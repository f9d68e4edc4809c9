import type { CompanionSource, RowSpan, StoredCompanion, VectorMatrix } from '@gearshift/contracts';
import { own } from '@gearshift/contracts/internal';
import type { CpuAddon, SavedArguments } from './addon.js';
import { storedArguments } from './stored-arrays.js';

/** Before the mean in a description. */
const DESCRIPTION_BYTES = 16;

/** The codes that the file of a matrix has; undefined if there are none, or if the matrix is to have none. */
export function savedCodesOf(matrix: VectorMatrix): StoredCompanion | undefined {
  const saved = own(matrix, 'snapshot')?.memory.companion;
  if (saved === undefined) return undefined;
  const companion = own(matrix, 'companion') ?? 'auto';
  return companion === 'auto' || companion === 'codes' ? saved : undefined;
}

/** The last arguments of `openMatrix`; none for a matrix without codes of a file. */
export function savedArguments(matrix: VectorMatrix, context: number): SavedArguments {
  const saved = savedCodesOf(matrix);
  const changed = saved === undefined ? undefined : matrix.snapshot?.rowsChangedSince(saved.version);
  if (saved === undefined || changed === undefined) return [];
  const { memory, description, rows, capacity, offsets } = saved;
  const layout = Float64Array.of(rows, capacity, ...offsets);
  return [context, new Uint8Array(memory), description, layout, boundsOf(changed)];
}

/** Starts and ends in turns. */
export function boundsOf(spans: readonly RowSpan[]): Float64Array {
  const bounds = new Float64Array(2 * spans.length);
  for (let i = 0; i < spans.length; i++) {
    bounds[2 * i] = spans[i].start;
    bounds[2 * i + 1] = spans[i].end;
  }
  return bounds;
}

/**
 * The codes of a copy for a file; undefined if it has none.
 *
 * @param isCurrent whether the copy is of the matrix's version, or, of a stored matrix, of a later one
 */
export function codesSource(
  addon: CpuAddon,
  context: number,
  handle: number,
  matrix: VectorMatrix,
  isCurrent: () => boolean,
): CompanionSource | undefined {
  const description = new Uint8Array(DESCRIPTION_BYTES + 4 * matrix.dimensions);
  const build = addon.describeCodes(context, handle, description);
  if (build === 0) return undefined;
  const halfBytes = (Math.ceil(matrix.dimensions / 128) * 128) / 2;
  const stored = storedArguments(own(matrix, 'snapshot'));
  return {
    description,
    bytesPerRow: [halfBytes, halfBytes, 4, 4, 4, 12, 4],
    read: (part, start, target) =>
      isCurrent() && addon.copyCodes(context, handle, build, part, start, target, ...stored) === 0,
  };
}
