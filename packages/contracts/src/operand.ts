import { requireAwaited } from './arguments.js';
import { isGraph, requireGraph, type CsrGraph } from './graph.js';
import { requireMatrix } from './operations/scan-inputs.js';
import type { VectorMatrix } from './matrix.js';

/** Data that a request reads and a device may keep. */
export type Operand = VectorMatrix | CsrGraph;

/** A checked copy of an operand, as in prepared requests, for backend methods that take an operand without a request. */
export function prepareOperand(operand: Operand): Operand {
  requireAwaited('operand', operand);
  return isGraph(operand) ? requireGraph(operand) : requireMatrix(operand);
}
