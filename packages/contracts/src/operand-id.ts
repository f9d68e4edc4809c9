import { threadId } from 'node:worker_threads';

const ID_BITS_PER_THREAD = 2 ** 32;
let issuedByThisThread = 0;

/**
 * A new operand id, unique across the threads of this process without any shared counter: the thread's number in the
 * high bits, a count in the low ones. Below 2^53 for any thread number Node hands out.
 */
export function nextOperandId(): number {
  issuedByThisThread += 1;
  return threadId * ID_BITS_PER_THREAD + issuedByThisThread;
}
