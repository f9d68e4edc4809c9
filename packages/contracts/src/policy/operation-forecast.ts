import type { DeviceKind } from '../backend.js';
import type { OperationName } from '../operations/operation.js';
import type { WorkShape } from './work.js';

/** Predictions of a policy for an operation, as plain frozen data. */
export interface OperationForecast {
  readonly operation: OperationName;
  /** One for each shape of requests so far. */
  readonly shapes: readonly ShapeForecast[];
}

export interface ShapeForecast {
  readonly shape: WorkShape;
  /** One unit of work, the one that `msPerUnit` and `units` count: a multiplication or addition, or a byte. */
  readonly unit: 'flop' | 'byte';
  readonly devices: readonly DeviceForecast[];
  /** The size from which a GPU is expected to be faster than the CPU. */
  readonly breakEven: {
    /** When the request has to upload the operand. */
    readonly cold: SizeForecast | null;
    /** When the GPU holds the operand. */
    readonly resident: SizeForecast | null;
  };
  /** Mean of |measured / predicted - 1| over the last runs of all devices; null while there are none. */
  readonly predictionError: number | null;
  /** Decisions to try a device that was predicted to be slower. */
  readonly explorations: number;
  /** Estimated milliseconds lost by choices: by exploration and by wrong predictions. */
  readonly estimatedRegretMs: number;
}

export interface SizeForecast {
  readonly units: number;
  /** The same in rows, candidates or nodes, for requests like the last one. */
  readonly items: number;
}

/** `(fixedMs + msPerUnit * units)`, plus corrections per size, is the expected time of a run without a wait. */
export interface DeviceForecast {
  readonly id: string;
  readonly kind: DeviceKind;
  readonly fixedMs: number;
  readonly msPerUnit: number;
  /** Standard deviation of log(measured / predicted). */
  readonly sigma: number;
  /** Number of runs behind these figures. */
  readonly samples: number;
  /** How many times slower than usual the device is at the moment; included in the figures above. */
  readonly slowdown: number;
}
