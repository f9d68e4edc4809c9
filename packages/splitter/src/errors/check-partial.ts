import { expected, requireInteger } from '@gearshift/contracts/internal';
import type { Range } from '../done-ranges.js';
import type { OperandVersion, PartialRun } from './chunk-error.js';

/**
 * Checks a partial run before it is resumed, because it may come from another thread or a file.
 *
 * @throws TypeError or RangeError unless every item is in exactly one of its ranges.
 */
export function checkPartial<O>(partial: PartialRun<O>): PartialRun<O> {
  if (typeof partial !== 'object' || partial === null) {
    throw new TypeError(expected('partial', 'the `partial` of a ChunkError', partial));
  }
  const total = requireInteger('partial.total', partial.total, 0);
  const done = checkRanges('partial.done', partial.done, total);
  const remaining = checkRanges('partial.remaining', partial.remaining, total);
  const all = [...done, ...remaining].sort((a, b) => a.start - b.start);
  let position = 0;
  for (const { start, end } of all) {
    if (start !== position) {
      throw new RangeError(`partial: expected item ${position} in exactly one range, got none or several`);
    }
    position = end;
  }
  if (position !== total) throw new RangeError(`partial: expected ranges up to ${total}, got up to ${position}`);
  const attempts = requireArray('partial.attempts', partial.attempts ?? []);
  const attemptCount = requireInteger('partial.attemptCount', partial.attemptCount ?? attempts.length, 0);
  const operands = requireArray('partial.operands', partial.operands ?? []);
  return { output: partial.output, total, done, remaining, attempts, attemptCount, operands };
}

/**
 * Why a partial run cannot be resumed with these operands, or null.
 *
 * @throws TypeError when it had operands and the caller names none.
 */
export function changedSince(partial: PartialRun<unknown>, operands: readonly OperandVersion[]): string | null {
  if (partial.operands.length > 0 && operands.length === 0) {
    throw new TypeError(`operands: expected the ${partial.operands.length} of the earlier run, got none`);
  }
  for (const { id, version } of partial.operands) {
    const now = operands.find((operand) => operand.id === id);
    if (now === undefined) return `operand ${id} of the earlier run is missing from operands`;
    if (now.version !== version) return `operand ${id} changed from version ${version} to ${now.version}`;
  }
  return null;
}

function checkRanges(name: string, ranges: readonly Range[], total: number): Range[] {
  let position = 0;
  return requireArray(name, ranges).map((range, index) => {
    const start = requireInteger(`${name}[${index}].start`, range?.start, position, total);
    const end = requireInteger(`${name}[${index}].end`, range.end, start + 1, total);
    position = end;
    return { start, end };
  });
}

function requireArray<T>(name: string, value: readonly T[]): readonly T[] {
  if (!Array.isArray(value)) throw new TypeError(expected(name, 'an array', value));
  return value as readonly T[];
}
