import { meanNoise } from '@gearshift/testing/simulated-device';

/** `scan`: one query over the rows, limited by memory. `pair`: 64 queries, limited by arithmetic. */
export type LabShape = 'scan' | 'pair';

export const LAB_SHAPES: readonly LabShape[] = ['scan', 'pair'];
export const QUERIES: Readonly<Record<LabShape, number>> = { scan: 1, pair: 64 };
export const DIMENSIONS = 768;
export const ROW_BYTES = DIMENSIONS * 4;

/** `'linear'`: times grow with the work, with few other effects. `'hard'`: times have steps and many other effects. */
export type WorldName = 'linear' | 'hard';

/**
 * The speeds of the two simulated devices as functions of the work: expectations, to be multiplied by noise with median 1.
 * Times are in milliseconds.
 */
export interface World {
  readonly name: WorldName;
  /** Standard deviation of the logarithm of times. */
  readonly deviation: number;
  readonly spikeRate: number;
  readonly spikeFactor: number;
  cpuMs(shape: LabShape, rows: number): number;
  gpuMs(shape: LabShape, rows: number): number;
  uploadMs(bytes: number): number;
}

interface Line {
  readonly startMs: number;
  readonly msPerRow: number;
}

/*
 * One core of a server CPU against a GPU of a data centre, behind 12 GB/s of bus: 0.1 microseconds a row to scan 768
 * dimensions, 0.65 for 64 queries at 150 GFLOP/s; 2.5 TB/s and 10 TFLOP/s on the other side, a call of 25 microseconds.
 */
const CPU: Readonly<Record<LabShape, Line>> = {
  scan: { startMs: 0.003, msPerRow: 0.0001 },
  pair: { startMs: 0.005, msPerRow: 0.00065 },
};
const GPU: Readonly<Record<LabShape, Line>> = {
  scan: { startMs: 0.025, msPerRow: 0.0000012 },
  pair: { startMs: 0.04, msPerRow: 0.00001 },
};
const UPLOAD_START_MS = 0.01;
const UPLOAD_MS_PER_BYTE = 1 / 12e6;

/** From here the rows no longer fit the CPU's cache. */
const CPU_STEP_ROWS = 2048;
const CPU_STEP_FACTOR = 1.6;
/** Rows that a GPU processes in one wave. */
const GPU_WAVE_ROWS = 8192;
/** Past this much the upload goes through pageable memory. */
const SLOW_UPLOAD_BYTES = 32e6;
const SLOW_UPLOAD_FACTOR = 2;

export const WORLDS: Readonly<Record<WorldName, World>> = {
  linear: {
    name: 'linear',
    deviation: 0.1,
    spikeRate: 0.01,
    spikeFactor: 5,
    cpuMs: (shape, rows) => onLine(CPU[shape], rows),
    gpuMs: (shape, rows) => onLine(GPU[shape], rows),
    uploadMs: (bytes) => UPLOAD_START_MS + bytes * UPLOAD_MS_PER_BYTE,
  },
  hard: {
    name: 'hard',
    deviation: 0.3,
    spikeRate: 0.03,
    spikeFactor: 10,
    cpuMs: (shape, rows) => onLine(CPU[shape], rows > CPU_STEP_ROWS ? rows * CPU_STEP_FACTOR : rows),
    gpuMs: (shape, rows) => onLine(GPU[shape], Math.ceil(rows / GPU_WAVE_ROWS) * GPU_WAVE_ROWS),
    uploadMs(bytes) {
      const slowBytes = Math.max(0, bytes - SLOW_UPLOAD_BYTES);
      return UPLOAD_START_MS + (bytes + slowBytes * (SLOW_UPLOAD_FACTOR - 1)) * UPLOAD_MS_PER_BYTE;
    },
  },
};

/** The expected factor of times: the same for every device and phase. */
export function meanFactor(world: World): number {
  return meanNoise(world);
}

/** Rows from which a resident operand is faster on the GPU. */
export function crossoverRows(world: World, shape: LabShape): number {
  let low = 1;
  let high = 1e7;
  while (high / low > 1.0001) {
    const middle = Math.sqrt(low * high);
    if (world.gpuMs(shape, middle) < world.cpuMs(shape, middle)) high = middle;
    else low = middle;
  }
  return high;
}

function onLine({ startMs, msPerRow }: Line, rows: number): number {
  return startMs + rows * msPerRow;
}
