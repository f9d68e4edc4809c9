import { requireObject } from './arguments.js';
import { requireGraph, type CsrGraph } from './graph.js';
import { requireMatrix } from './operations/scan-inputs.js';
import type { VectorMatrix } from './matrix.js';

/** What a request reads and a device may keep. */
export type Operand = VectorMatrix | CsrGraph;

/** A checked copy of an operand, as prepared requests hold one: for what a backend does with an operand alone. */
export function prepareOperand(operand: Operand): Operand {
  requireObject('operand', operand);
  return 'rowPointers' in operand ? requireGraph(operand) : requireMatrix(operand);
}
