import { expected } from '@gearshift/contracts/internal';

/** Bytes promised to work that has not ended. */
export const RESERVED = 0;
/** Bytes that the caller reported as allocated. */
export const TRACKED = 1;
export type Account = typeof RESERVED | typeof TRACKED;

/** Two sums of bytes. Whole numbers only. */
export interface Ledger {
  /** Adds, and answers with the sum as it is then. */
  add(account: Account, bytes: number): number;
  /** Takes off at most what is there, and answers with how much that was: the sum never wraps below zero. */
  takeOff(account: Account, bytes: number): number;
  total(account: Account): number;
}

/** The sums of one thread. */
export function createLocalLedger(): Ledger {
  const sums = [0, 0];
  return {
    add: (account, bytes) => (sums[account] += bytes),
    takeOff(account, bytes) {
      const taken = Math.min(bytes, sums[account]);
      sums[account] -= taken;
      return taken;
    },
    total: (account) => sums[account],
  };
}

const SHARED_BYTES = 2 * BigInt64Array.BYTES_PER_ELEMENT;

/**
 * Memory for sums that several threads add to. Hand it to each of them, through `workerData` or `postMessage`, and there to
 * `createMemoryBudget(source, { ledger })`: together they then keep to one budget.
 *
 * A thread that is terminated while it holds reservations leaves them in the sum for good; start a new ledger then.
 */
export function createSharedLedger(): SharedArrayBuffer {
  return new SharedArrayBuffer(SHARED_BYTES);
}

/** The sums in `memory`, shared with every thread that has it. */
export function openSharedLedger(memory: SharedArrayBuffer): Ledger {
  if (!(memory instanceof SharedArrayBuffer) || memory.byteLength !== SHARED_BYTES) {
    throw new TypeError(expected('ledger', 'what createSharedLedger() made', memory));
  }
  const sums = new BigInt64Array(memory);
  return {
    add: (account, bytes) => Number(Atomics.add(sums, account, BigInt(bytes))) + bytes,
    takeOff(account, bytes) {
      // Whoever meets another thread here tries again with what that one left; one of them always gets on.
      for (;;) {
        const before = Atomics.load(sums, account);
        const taken = BigInt(Math.min(bytes, Number(before)));
        if (Atomics.compareExchange(sums, account, before, before - taken) === before) return Number(taken);
      }
    },
    total: (account) => Number(Atomics.load(sums, account)),
  };
}
