import type { OperationName } from '../operations/operation.js';

/**
 * The cost of a request in terms that apply to every device. Policies use only this information about a request. Counts are
 * for the requested row range, not for the whole operand.
 */
export interface Work {
  readonly operation: OperationName;
  /** Requests of one shape differ only in size: time over size is one curve per operation, shape, device and form. */
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
  /** Bytes that each such request uploads to a device with its own memory: queries, candidates, activations. */
  readonly requestBytes: number;
  /** Id and version of the matrix or graph. */
  readonly operandId: number;
  readonly operandVersion: number;
  /** `expectedUses` of the operand: 0 when it is not set, Infinity to keep the operand on a device. */
  readonly expectedUses: number;
  /** Bytes of the operand that the request reads. Only a device that does not hold the operand needs them uploaded. */
  readonly rangeBytes: number;
  /** Bytes of the whole matrix or graph. */
  readonly operandBytes: number;
  /** Bytes of the output. */
  readonly outputBytes: number;
}

/**
 * One query is limited by memory, many by arithmetic, a few by either; candidates are read out of order; edges in no order.
 */
export const WORK_SHAPES = ['scan', 'few-queries', 'many-queries', 'candidates', 'graph'] as const;
export type WorkShape = (typeof WORK_SHAPES)[number];
