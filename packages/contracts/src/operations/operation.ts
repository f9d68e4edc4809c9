import type { Operand } from '../operand.js';

/** The operations of Gearshift; other backends may add their own. */
export const OPERATIONS = ['cosine-similarity', 'top-k', 'spread-activation'] as const;
export type OperationName = (typeof OPERATIONS)[number] | (string & {});

/**
 * Everything that is specific to the request and the output of one operation. Code that handles all operations gets the object
 * from `operationOf` and uses only this interface.
 *
 * A request can be cut along its items: rows, candidates or receiving nodes, counted from its first one.
 */
export interface Operation<Request, Prepared, Output> {
  readonly name: (typeof OPERATIONS)[number];

  /**
   * The request with every default filled in and every length computed; a prepared request is returned unchanged.
   *
   * @throws TypeError or RangeError that names the argument, the expected and the given value.
   */
  prepare(request: Request): Prepared;
  /** The same for a request that was written by this code, which has no unknown fields. */
  prepareFields(request: Request): Prepared;
  operandOf(request: Prepared): Operand;
  itemsOf(request: Prepared): number;
  /**
   * The same request for only the items `[start, end)`. It is not checked again, except for detached memory.
   *
   * @throws TypeError when a buffer was detached since the request was prepared.
   */
  part(request: Prepared, start: number, end: number): Prepared;

  /** New memory for exactly the elements that the request writes. */
  createOutput(request: Prepared): Output;
  /**
   * Checks that a caller's output fits the request and shares no memory with its inputs.
   *
   * @throws TypeError or RangeError that names the argument, the expected and the given value.
   */
  requireOutput(request: Prepared, output: Output): Output;
  /** New memory of the same size. */
  outputLike(output: Output): Output;
  /** Copies the elements that the request writes; the arrays of an output may be longer. */
  copyOutput(request: Prepared, from: Output, to: Output): void;
  /** Resets the count of written entries, so that a backend that does not set it is detected. */
  clearOutput(output: Output): void;
  /** An output that the caller did not provide, without elements behind the last entry. */
  trimOutput(request: Prepared, output: Output): Output;
  /** Describes the entries that a backend did not write; `undefined` when nothing is missing. */
  missingIn(request: Prepared, output: Output): string | undefined;
}
