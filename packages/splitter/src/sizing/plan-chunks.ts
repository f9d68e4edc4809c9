import { requireInteger } from '@gearshift/contracts/internal';
import { readLimits } from '../engine/read-chunk-options.js';
import { checkLimits, type ChunkLimits } from './chunk-limits.js';
import { chunkCount } from './chunk-size.js';

/**
 * Number of chunks that `total` items would be cut into now; 0 for no items, Infinity when not even the smallest chunk fits.
 * Costs a fraction of a microsecond and reserves nothing, so a later run may be cut differently.
 *
 * @example
 * planChunks(1_000_000, { budget, bytesPerItem: 3076 }); // 1 where it fits whole
 */
export function planChunks(total: number, limits: ChunkLimits = {}): number {
  requireInteger('total', total, 0);
  const checked = checkLimits(readLimits(limits));
  return total === 0 ? 0 : chunkCount(total, checked);
}
