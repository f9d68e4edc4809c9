import type { Operand, VectorMatrix } from '@gearshift/contracts';

/** Rows and dimensions, or nodes and edges. */
export type OperandShape = readonly [number, number];

export function isMatrix(operand: Operand): operand is VectorMatrix {
  return 'values' in operand;
}

export function shapeOf(operand: Operand): OperandShape {
  return isMatrix(operand) ? [operand.rows, operand.dimensions] : [operand.nodes, operand.columns.length];
}

/** What a copy takes on the device: rows are padded to 16 bytes and have a norm each. */
export function copyBytes(operand: Operand): number {
  const [first, second] = shapeOf(operand);
  return isMatrix(operand) ? first * (Math.ceil(second / 4) * 16 + 4) : (first + 1) * 4 + second * 8;
}
