import type { BackendError, Result, Work } from '@gearshift/contracts';
import type { OperationOutput } from '@gearshift/contracts/internal';
import { checkLimits, type LaneOptions } from '@gearshift/splitter/engine';
import type { Device } from '../devices/device.js';
import { MOST_CHUNKS } from '../devices/gpu-memory.js';
import { missingBytes } from '../devices/missing-bytes.js';
import type { Job } from '../attempts/job.js';

/** What a chunk's call answers with: its output, or null where it wrote into the request's own. */
export type ChunkAnswer = OperationOutput | null;

/** Does items `[start, end)` of the request on one device. */
export type DeviceCall = (
  start: number,
  end: number,
  signal: AbortSignal,
) => Promise<Result<ChunkAnswer, BackendError>>;

export interface DeviceLaneOptions {
  readonly job: Job;
  readonly call: DeviceCall;
  /** Never cut: a request that cannot be cut along its items. */
  readonly isWhole: boolean;
  /** The call for these items writes into the request's own output; others have memory of their own, and may be given up. */
  readonly writesInPlace: (start: number, end: number) => boolean;
  /** Whether the device takes work now. */
  readonly isOpen: () => boolean;
  /** A backend threw what is a caller's mistake by its contract. */
  readonly isCallersMistake: () => boolean;
  /** Idle memory that a chunk of the whole request would need; Infinity frees all of it. */
  readonly bytesToFree: () => number;
}

/** A device as the engine of the splitter sees it. */
export function deviceLane(device: Device, options: DeviceLaneOptions): LaneOptions<ChunkAnswer, BackendError> {
  const { guard } = device;
  const { job, call, isOpen, isCallersMistake, bytesToFree } = options;
  const { work } = job;
  const minChunkItems = Math.ceil(work.batchSize / MOST_CHUNKS);
  const limits = guard === undefined ? { minChunkItems } : guard.memory.limitsFor(work, holdsOperand(device, job));
  return {
    name: device.backend.id,
    call,
    limits: checkLimits(options.isWhole ? { ...limits, minChunkItems: work.batchSize } : limits),
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

/** Nothing of the operand has to be sent along with each request. */
export function holdsOperand({ backend }: Device, { request, work }: { request: Job['request']; work: Work }): boolean {
  return missingBytes(backend, request, work) === 0;
}
