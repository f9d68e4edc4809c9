import { createRandom } from '@gearshift/testing';

/** Random draws for a workload. */
export interface LabRandom {
  /** In [0, 1). */
  uniform(): number;
  /** Whole number in [0, bound). */
  integer(bound: number): number;
  /** Whole number in [low, high], its logarithm uniform. */
  logInteger(low: number, high: number): number;
  /** At least 1, with a tail of this shape: the smaller, the heavier. */
  pareto(shape: number): number;
  /** Exponential with mean 1. */
  exponential(): number;
}

export function createLabRandom(seed: number): LabRandom {
  const { next: uniform, integer } = createRandom(seed);
  return {
    uniform,
    integer,
    logInteger: (low, high) => Math.round(low * (high / low) ** uniform()),
    pareto: (shape) => (1 - uniform()) ** (-1 / shape),
    exponential: () => -Math.log(1 - uniform()),
  };
}
