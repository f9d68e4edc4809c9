import type { LabRandom } from '../lab-random.js';
import { crossoverRows, LAB_SHAPES, type LabShape, type World } from '../world.js';

const SMALLEST_ROWS = 16;
const LARGEST_ROWS = 300_000;

/** Both with equal probability. */
export function shapeOf(random: LabRandom): LabShape {
  return LAB_SHAPES[random.integer(LAB_SHAPES.length)];
}

/** From a few rows to a gigabyte, with equal probability for every order of magnitude. */
export function sizeOf(random: LabRandom): number {
  return random.logInteger(SMALLEST_ROWS, LARGEST_ROWS);
}

/** Within these factors of the size from which a resident operand is faster on the GPU. */
export function sizeNearBreakEven(
  world: World,
  shape: LabShape,
  random: LabRandom,
  [below, above]: readonly [below: number, above: number],
): number {
  const crossover = crossoverRows(world, shape);
  return Math.max(1, random.logInteger(crossover / below, crossover * above));
}
