import type { VectorMatrix } from '@gearshift/contracts';
import type { SimulatedFault } from '@gearshift/testing/simulated-device';
import type { LabRandom } from '../lab-random.js';
import type { LabShape, World } from '../world.js';

/** A workload: one file each. */
export interface TraceDefinition {
  readonly name: TraceName;
  /** For tables and plots. */
  readonly title: string;
  /** What happens in it, in one sentence. */
  readonly conditions: string;
  /** Requests come when they come; otherwise each waits for the one before. */
  readonly arrivals?: boolean;
  /** Memory of the GPU; left out, there is room for everything. */
  readonly gpuBytes?: number;
  /** Operands are the caller's for a single request, which disposes of them after it. */
  readonly disposes: boolean;
  /** Drawn one after the other from one generator. */
  draw(draw: TraceDraw): RequestDraft[];
}

export type TraceName = 'T1' | 'T2' | 'T3' | 'T4' | 'T5' | 'T5b' | 'T6' | 'T7' | 'T8';

export interface TraceDraw {
  readonly world: World;
  readonly random: LabRandom;
  readonly requestCount: number;
}

/** One request as a trace describes it. */
export interface RequestDraft {
  readonly shape: LabShape;
  readonly rows: number;
  /** The GPU holds the operand when the request comes, without having been asked. Default false. */
  readonly preloaded?: boolean;
  /** Which data set of those that come up repeatedly; left out, one of its own. */
  readonly dataSet?: number;
  /** How much slower than usual each device is; default 1. */
  readonly cpuFactor?: number;
  readonly gpuFactor?: number;
  /** What goes wrong with whatever the GPU does for this request. */
  readonly fault?: SimulatedFault;
  /** Bytes that are free on the GPU, what it holds for us not counted. */
  readonly freeBytes?: number;
  /** The same as the GPU reports it. */
  readonly reportedFreeBytes?: number;
  /** Requests ago that the report was true. */
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
  readonly cpuFactor: number;
  readonly gpuFactor: number;
  readonly fault: SimulatedFault | undefined;
  readonly freeBytes: number;
  readonly reportedFreeBytes: number;
  readonly reportAge: number;
  readonly arrivalMs: number;
  readonly allowedMs: number;
  /** Noise, the same for every policy: times are multiplied by it. */
  readonly cpuNoise: number;
  readonly gpuNoise: number;
}

export interface Trace {
  readonly name: TraceName;
  readonly world: World;
  readonly seed: number;
  readonly definition: TraceDefinition;
  readonly requests: readonly LabRequest[];
  /** Of the upload of an operand: it belongs to the operand, since whoever moves it early spares others the same trip. */
  uploadNoise(operandId: number): number;
}
