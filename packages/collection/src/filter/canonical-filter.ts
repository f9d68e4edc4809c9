import { expected, requirePlain } from '@gearshift/contracts/internal';
import { tooDeepError } from '../json.js';
import { FILTER_OPERATORS } from './filter.js';

const OPERATORS: ReadonlySet<string> = new Set(FILTER_OPERATORS);
const MOST_LEVELS = 32;
/** As properties of a filter they would hide what sift reads there. */
const HIDING_NAMES = ['constructor', 'toJSON'];

/**
 * The filter as JSON with sorted names: equal filters have the same text.
 *
 * @throws TypeError or RangeError that names the part that is not JSON, or an operator that is not supported
 */
export function canonicalFilter(name: string, filter: object): string {
  requirePlain(name, filter);
  return textOf(name, filter, 1);
}

function textOf(name: string, value: unknown, level: number): string {
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return JSON.stringify(value);
  if (typeof value === 'number' && Number.isFinite(value)) return String(value);
  // A condition without its value would let every item pass.
  if (typeof value !== 'object') throw new TypeError(expected(name, 'a JSON value', value));
  if (level > MOST_LEVELS) throw tooDeepError(name, MOST_LEVELS);
  if (Array.isArray(value)) {
    return `[${Array.from(value, (element, i) => textOf(`${name}[${i}]`, element, level + 1)).join(',')}]`;
  }
  requirePlain(name, value);
  const parts = Object.keys(value)
    .sort()
    .map((key) => {
      if (key.startsWith('$') && !OPERATORS.has(key)) throw unknownOperator(name, key);
      if (HIDING_NAMES.includes(key)) {
        throw new TypeError(`${name}: a filter cannot have a condition on '${key}'; pass a predicate instead`);
      }
      const part = textOf(`${name}.${key}`, value[key as keyof typeof value], level + 1);
      return `${JSON.stringify(key)}:${part}`;
    });
  return `{${parts.join(',')}}`;
}

function unknownOperator(name: string, operator: string): TypeError {
  const remedy =
    operator === '$where' ? 'pass a predicate instead, as code' : `the operators are ${FILTER_OPERATORS.join(', ')}`;
  return new TypeError(`${name}: '${operator}' is not supported; ${remedy}`);
}
