import type { VectorMatrix } from '@gearshift/contracts';
import type { SimulatedFault } from '@gearshift/testing/simulated-device';
import type { LabRandom } from '../lab-random.js';
import type { LabShape, World } from '../world.js';

/** A workload: one file each. */
export interface TraceDefinition {
  readonly name: TraceName;
  /** Name in tables and plots. */
  readonly title: string;
  /** What happens in it, in one sentence. */
  readonly conditions: string;
  /** Requests have arrival times; otherwise each waits for the one before. */
  readonly arrivals?: boolean;
  /** Memory of the GPU; unlimited when omitted. */
  readonly gpuBytes?: number;
  /** Operands are the caller's for a single request, which disposes of them after it. */
  readonly disposes: boolean;
  /** Drawn one after the other from one generator. */
  draw(draw: TraceDraw): RequestDraft[];
}

export type TraceName = 'T1' | 'T2' | 'T3' | 'T4' | 'T5' | 'T5b' | 'T6' | 'T7' | 'T8' | 'T9';

export interface TraceDraw {
  readonly world: World;
  readonly random: LabRandom;
  readonly requestCount: number;
}

/** One request as a trace describes it. */
export interface RequestDraft {
  readonly shape: LabShape;
  readonly rows: number;
  /** The GPU holds the operand when the request arrives, without an earlier upload. Default false. */
  readonly preloaded?: boolean;
  /** Number of the repeated data set; when omitted, the request has its own data. */
  readonly dataSet?: number;
  /** What the CPU answers from: see `Backend.formOf`. Default: the rows themselves. */
  readonly cpuForm?: string;
  /** How much slower than usual each device is; default 1. */
  readonly cpuFactor?: number;
  readonly gpuFactor?: number;
  /** The fault of every call on the GPU for this request. */
  readonly fault?: SimulatedFault;
  /** Free bytes on the GPU, before our own copies. */
  readonly freeBytes?: number;
  /** The same as the GPU reports it. */
  readonly reportedFreeBytes?: number;
  /** Age of the report in requests. */
  readonly reportAge?: number;
  /** After the one before. */
  readonly gapMs?: number;
  /** Time that the caller allows from its arrival. */
  readonly allowedMs?: number;
}

/** One request, ready to be run by any policy. */
export interface LabRequest {
  readonly index: number;
  readonly shape: LabShape;
  readonly rows: number;
  readonly bytes: number;
  readonly preloaded: boolean;
  readonly matrix: VectorMatrix;
  readonly cpuForm: string | undefined;
  readonly cpuFactor: number;
  readonly gpuFactor: number;
  readonly fault: SimulatedFault | undefined;
  readonly freeBytes: number;
  readonly reportedFreeBytes: number;
  readonly reportAge: number;
  readonly arrivalMs: number;
  readonly allowedMs: number;
  /** Factors for times: noise that is the same for every policy. */
  readonly cpuNoise: number;
  readonly gpuNoise: number;
}

export interface Trace {
  readonly name: TraceName;
  readonly world: World;
  readonly seed: number;
  readonly definition: TraceDefinition;
  readonly requests: readonly LabRequest[];
  /** Noise of the upload of an operand. It belongs to the operand, because one early upload serves later requests too. */
  uploadNoise(operandId: number): number;
}
