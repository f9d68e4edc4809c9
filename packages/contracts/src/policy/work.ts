import type { OperationName } from '../operations/operation.js';

/**
 * The cost of a request in terms that hold on every device: the only part of the request that policies use. Counts are for the
 * requested range of rows, not for the whole operand.
 */
export interface Work {
  readonly operation: OperationName;
  /** Requests with the same shape differ only in size, so each operation, shape and device has one curve of time over size. */
  readonly shape: WorkShape;
  /** Number of items: rows, candidates, or receiving nodes. */
  readonly batchSize: number;
  /** Query vectors that share one pass over the rows; 1 for spreading. */
  readonly queries: number;
  /** Elements of a row; 1 for spreading, where an item is a single activation. */
  readonly dimensions: number;
  /** Multiplications and additions. */
  readonly flops: number;
  /** Bytes a device reads and writes when each operand is read once, per hop for spreading. */
  readonly bytes: number;
  /** Bytes to send with each request to a device with its own memory: queries, candidates, activations. */
  readonly requestBytes: number;
  /** Id and version of the matrix or graph. */
  readonly operandId: number;
  readonly operandVersion: number;
  /** Expected number of requests that use it, given by its owner: 0 if unknown, Infinity if it should stay. */
  readonly expectedUses: number;
  /** Bytes of the part that the request reads; uploaded only to a device without a copy. */
  readonly rangeBytes: number;
  /** Bytes of the matrix or graph as a whole. */
  readonly operandBytes: number;
  /** Bytes of the output. */
  readonly outputBytes: number;
}

/**
 * One query is bound by memory, many by arithmetic, a few by either; candidates are read out of order; edges in no order.
 */
export const WORK_SHAPES = ['scan', 'few-queries', 'many-queries', 'candidates', 'graph'] as const;
export type WorkShape = (typeof WORK_SHAPES)[number];
