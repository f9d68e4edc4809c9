import type { BackendError } from '@gearshift/contracts';
import type { OperationOutput } from '@gearshift/contracts/internal';
import { checkLimits, type ChunkCall, type LaneOptions } from '@gearshift/splitter/engine';
import type { Job } from '../attempts/job.js';
import { missingBytes, type Device } from '../devices/device.js';
import { MOST_CHUNKS } from '../devices/gpu-memory.js';

/** What a chunk's call answers with: its output, or null where it wrote into the request's own. */
export type ChunkAnswer = OperationOutput | null;

export interface DeviceLaneOptions {
  readonly job: Job;
  /** Does items `[start, end)` of the job on the device. */
  readonly call: ChunkCall<ChunkAnswer, BackendError>;
  /** Never cut: a request that cannot be cut along its items. */
  readonly isWhole: boolean;
  /** The call for these items writes into the request's own output; others have memory of their own, and may be given up. */
  readonly writesInPlace: (start: number, end: number) => boolean;
  /** Whether the device takes work now. */
  readonly isOpen: () => boolean;
  /** A backend threw an error that is a caller's mistake by its contract. */
  readonly isCallersMistake: () => boolean;
  /** Idle memory that a chunk of the whole request would need; Infinity frees all of it. */
  readonly bytesToFree: () => number;
}

/** A device as the engine of the splitter sees it. */
export function deviceLane(device: Device, options: DeviceLaneOptions): LaneOptions<ChunkAnswer, BackendError> {
  const { guard } = device;
  const { job, call, isOpen, isCallersMistake, bytesToFree } = options;
  const { request, work } = job;
  const minChunkItems = options.isWhole ? work.batchSize : Math.ceil(work.batchSize / MOST_CHUNKS);
  const limits =
    guard === undefined
      ? checkLimits({ minChunkItems })
      : { ...guard.memory.limitsFor(work, missingBytes(device.backend, request, work) === 0), minChunkItems };
  return {
    name: device.backend.id,
    call,
    limits,
    classifyError: (error) => {
      if (isCallersMistake()) return 'invalid-input';
      // What one device calls invalid or unsupported, another may well do: the request itself was checked.
      const { kind } = error as BackendError;
      return kind === 'invalid-input' || kind === 'unsupported' ? 'chunk-failed' : undefined;
    },
    // Each attempt has a limit of its own, made from its prediction.
    chunkTimeoutMs: Infinity,
    settlesWhenAborted: options.writesInPlace,
    freeIdleMemory: guard === undefined ? undefined : () => guard.residents.makeRoom(bytesToFree()),
    isOpen,
  };
}
