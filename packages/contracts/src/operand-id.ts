import { randomBytes } from 'node:crypto';

/**
 * A new operand id: 53 random bits of the system's generator. Ids are keys of data that belongs to the whole process or to a
 * device. Random ones differ even when this module is loaded more than once, such as by threads, by two bundles, by two
 * versions of the package or by a test runner that isolates its files.
 */
export function nextOperandId(): number {
  return Number(randomBytes(8).readBigUInt64LE() >> 11n);
}
