import type { Backend } from '@gearshift/contracts';

/** A backend with one thing wrong in it, and the checks that have to notice. */
export interface BrokenBackend {
  readonly fault: string;
  readonly create: () => Backend;
  readonly noticedBy: readonly string[];
}

/** The next float32, away from zero, or thereabouts. */
export const nextUp = (value: number): number => value + Math.max(2 ** -23 * Math.abs(value), 2 ** -140);
