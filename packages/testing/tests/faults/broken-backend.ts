import type { Backend } from '@gearshift/contracts';

/** A backend with one fault, and the checks that must detect it. */
export interface BrokenBackend {
  readonly fault: string;
  readonly create: () => Backend;
  readonly noticedBy: readonly string[];
}

/** Approximately the next float32, away from zero. */
export const nextUp = (value: number): number => value + Math.max(2 ** -23 * Math.abs(value), 2 ** -140);
