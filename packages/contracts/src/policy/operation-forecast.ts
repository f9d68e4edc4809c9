import type { DeviceKind } from '../backend.js';
import type { OperationName } from '../operations/operation.js';
import type { WorkShape } from './work.js';

/** What a policy expects of an operation, as plain frozen data. */
export interface OperationForecast {
  readonly operation: OperationName;
  /** One for each shape of requests that came up. */
  readonly shapes: readonly ShapeForecast[];
}

export interface ShapeForecast {
  readonly shape: WorkShape;
  /** One unit of work, the one that `msPerUnit` and `units` count: a multiplication or addition, or a byte. */
  readonly unit: 'flop' | 'byte';
  readonly devices: readonly DeviceForecast[];
  /** From which size on a GPU is expected to be faster than the CPU. */
  readonly breakEven: {
    /** Where the operand has to be sent for the request. */
    readonly cold: SizeForecast | null;
    /** Where the GPU holds it. */
    readonly resident: SizeForecast | null;
  };
  /** Mean of |measured / predicted - 1| over the last runs of all devices; null while there are none. */
  readonly predictionError: number | null;
  /** Decisions to try a device that looked slower. */
  readonly explorations: number;
  /** Milliseconds that choices are expected to have lost, by exploring and by not knowing better. */
  readonly estimatedRegretMs: number;
}

export interface SizeForecast {
  readonly units: number;
  /** The same in rows, candidates or nodes, for requests like the last one. */
  readonly items: number;
}

/** `(fixedMs + msPerUnit * units)`, but for corrections per size, is the expected time of a run that need not wait. */
export interface DeviceForecast {
  readonly id: string;
  readonly kind: DeviceKind;
  readonly fixedMs: number;
  readonly msPerUnit: number;
  /** Standard deviation of log(measured / predicted). */
  readonly sigma: number;
  /** Runs that this rests on. */
  readonly samples: number;
  /** How many times slower than usual the device is at the moment; contained in the figures above. */
  readonly slowdown: number;
}
