import { optionNames, readOptions, requireObject } from '@gearshift/contracts/internal';
import type { ChunkLimits } from '../sizing/chunk-limits.js';
import type { ChunkOptions } from './chunk-options.js';

const CHUNK_OPTIONS = optionNames<ChunkOptions<unknown>>({
  budget: true,
  bytesPerItem: true,
  fixedBytes: true,
  maxChunkItems: true,
  minChunkItems: true,
  sizer: true,
  name: true,
  onFault: true,
  fallback: true,
  concurrency: true,
  retry: true,
  onProgress: true,
  signal: true,
  deadlineMs: true,
  chunkTimeoutMs: true,
  memoryWaitMs: true,
  freeIdleMemory: true,
  classifyError: true,
  operands: true,
  clock: true,
  timers: true,
});

/** The caller's own options of a run. TypeError that names an option that does not exist. */
export function readChunkOptions<F>(options: ChunkOptions<F>): ChunkOptions<F> {
  requireObject('options', options);
  return readOptions('options', options, CHUNK_OPTIONS);
}

/** The caller's own limits, which may be among the options of a run. */
export function readLimits(limits: ChunkLimits): ChunkLimits {
  return readOptions('limits', limits, CHUNK_OPTIONS);
}
