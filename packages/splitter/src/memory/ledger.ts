import { types } from 'node:util';
import { expected } from '@gearshift/contracts/internal';

/** Bytes reserved by work that has not ended. */
export const RESERVED = 0;
/** Bytes that the caller counts as allocated. */
export const TRACKED = 1;
export type Account = typeof RESERVED | typeof TRACKED;

/** Two sums of bytes. Whole numbers only. */
export interface Ledger {
  /** Adds, and returns the new sum. */
  add(account: Account, bytes: number): number;
  /** Subtracts at most the whole sum, and returns how much it subtracted: the sum never falls below zero. */
  subtract(account: Account, bytes: number): number;
  total(account: Account): number;
}

/** The sums of one thread. */
export function createLocalLedger(): Ledger {
  const sums = [0, 0];
  return {
    add: (account, bytes) => (sums[account] += bytes),
    subtract(account, bytes) {
      const taken = Math.min(bytes, sums[account]);
      sums[account] -= taken;
      return taken;
    },
    total: (account) => sums[account],
  };
}

const SHARED_BYTES = 2 * BigInt64Array.BYTES_PER_ELEMENT;

/**
 * Memory for sums that several threads add to. Pass it to each of them, through `workerData` or `postMessage`, and there to
 * `createMemoryBudget(source, { ledger })`: their budgets then share one limit.
 *
 * The reservations of a thread that is terminated stay in the sum; create a new ledger then.
 */
export function createSharedLedger(): SharedArrayBuffer {
  return new SharedArrayBuffer(SHARED_BYTES);
}

/** The sums in `memory`, shared with every thread that has it. */
export function openSharedLedger(memory: SharedArrayBuffer): Ledger {
  if (!types.isSharedArrayBuffer(memory) || memory.byteLength !== SHARED_BYTES) {
    throw new TypeError(expected('ledger', 'the result of createSharedLedger()', memory));
  }
  const sums = new BigInt64Array(memory);
  return {
    add: (account, bytes) => Number(Atomics.add(sums, account, BigInt(bytes))) + bytes,
    subtract(account, bytes) {
      // When another thread has changed the sum, try again with the new one; one thread always succeeds.
      for (;;) {
        const before = Atomics.load(sums, account);
        const taken = BigInt(Math.min(bytes, Number(before)));
        if (Atomics.compareExchange(sums, account, before, before - taken) === before) return Number(taken);
      }
    },
    total: (account) => Number(Atomics.load(sums, account)),
  };
}
