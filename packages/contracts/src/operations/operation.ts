import type { Operand } from '../operand.js';

/** The operations Gearshift knows by name; a backend of your own may add others. */
export const OPERATIONS = ['cosine-similarity', 'top-k', 'spread-activation'] as const;
export type OperationName = (typeof OPERATIONS)[number] | (string & {});

/**
 * Everything that is particular to one operation, as far as its request and its output go. Code for all operations gets the
 * object from `operationOf` and knows nothing else of an operation.
 *
 * The items of a request are what it can be cut along: rows, candidates or receiving nodes, counted from its first one.
 */
export interface Operation<Request, Prepared, Output> {
  readonly name: (typeof OPERATIONS)[number];

  /**
   * The request with every default filled in and every length worked out; a prepared request is returned as it is.
   *
   * @throws TypeError or RangeError that names the argument, what was expected and what came.
   */
  prepare(request: Request): Prepared;
  operandOf(request: Prepared): Operand;
  itemsOf(request: Prepared): number;
  /**
   * The same request for the items `[start, end)` alone. It is not checked again, except that its memory is still there.
   *
   * @throws TypeError when a buffer was detached since the request was prepared.
   */
  part(request: Prepared, start: number, end: number): Prepared;

  /** Fresh memory for exactly what the request writes. */
  createOutput(request: Prepared): Output;
  /**
   * Checks that a caller's output fits the request and shares no memory with its inputs.
   *
   * @throws TypeError or RangeError that names the argument, what was expected and what came.
   */
  requireOutput(request: Prepared, output: Output): Output;
  /** Fresh memory of the same size. */
  outputLike(output: Output): Output;
  /** Copies what the request writes; the arrays of an output may be longer. */
  copyOutput(request: Prepared, from: Output, to: Output): void;
  /** Resets what says how much was written, so that a backend that does not set it is noticed. */
  clearOutput(output: Output): void;
  /** What a backend should have written and did not, for people to read; `undefined` when nothing is missing. */
  missingIn(request: Prepared, output: Output): string | undefined;
}
