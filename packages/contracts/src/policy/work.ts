import type { OperationName } from '../operations/operation.js';

/**
 * What a request costs, in terms that hold on every device: policies choose by this and by nothing else of the request.
 * Counts are of the row range that is asked for, not of the whole operand.
 */
export interface Work {
  readonly operation: OperationName;
  /** Requests of one shape differ in size alone: time over size is one curve per operation, shape and device. */
  readonly shape: WorkShape;
  /** Items to work through: rows, candidates, or receiving nodes. */
  readonly batchSize: number;
  /** Query vectors that share one pass over the rows; 1 for spreading. */
  readonly queries: number;
  /** Elements of a row; 1 for spreading, whose items are single activations. */
  readonly dimensions: number;
  /** Multiplications and additions. */
  readonly flops: number;
  /** Bytes a device reads and writes when each operand is read once, per hop for spreading. */
  readonly bytes: number;
  /** Bytes that every device of its own memory must be sent with each such request: queries, candidates, activations. */
  readonly requestBytes: number;
  /** Id and version of the matrix or graph. */
  readonly operandId: number;
  readonly operandVersion: number;
  /** How often requests are going to use it, as its owner said: 0 where nothing was said, Infinity where it is to stay. */
  readonly expectedUses: number;
  /** Bytes of the part of it that the request reads, which travel only to a device that does not hold it. */
  readonly rangeBytes: number;
  /** Bytes of the matrix or graph as a whole. */
  readonly operandBytes: number;
  /** Bytes that come back. */
  readonly outputBytes: number;
}

/**
 * One query is bound by memory, many by arithmetic, a few by either; candidates are read out of order; edges in no order.
 */
export const WORK_SHAPES = ['scan', 'few-queries', 'many-queries', 'candidates', 'graph'] as const;
export type WorkShape = (typeof WORK_SHAPES)[number];
