import { expected, requirePlain } from '@gearshift/contracts/internal';

export type JsonValue = string | number | boolean | null | readonly JsonValue[] | JsonObject;
export interface JsonObject {
  readonly [name: string]: JsonValue;
}

/** Deeper values are mistakes, such as an object that contains itself. */
const MOST_LEVELS = 100;

/**
 * A frozen copy of a JSON object, so that later changes of the given one have no effect, and none can be made to the copy.
 * Properties that are undefined are left out, as in `JSON.stringify`.
 *
 * @throws TypeError that names the value that is not JSON; RangeError for a number that is not finite, or too many levels
 */
export function frozenJson(name: string, value: object): JsonObject {
  requirePlain(name, value);
  return copy(name, value, 1, Object.freeze) as JsonObject;
}

/** A copy that the caller may change. */
export function copyJson(value: JsonObject): JsonObject {
  return copy('', value, 1, (same) => same) as JsonObject;
}

/** With the beginning of the name alone, which is as deep as the value. */
export function tooDeepError(name: string, mostLevels: number): RangeError {
  return new RangeError(`${name.slice(0, 60)}...: expected at most ${mostLevels} levels of objects and arrays`);
}

function copy(name: string, value: unknown, level: number, finish: (made: object) => object): unknown {
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return value;
  if (typeof value === 'number') {
    if (Number.isFinite(value)) return value;
    throw new RangeError(expected(name, 'a finite number', value));
  }
  if (typeof value !== 'object') throw new TypeError(expected(name, 'a JSON value', value));
  if (level > MOST_LEVELS) throw tooDeepError(name, MOST_LEVELS);
  if (Array.isArray(value)) {
    return finish(Array.from(value, (element, i) => copy(`${name}[${i}]`, element, level + 1, finish)));
  }
  requirePlain(name, value);
  const made: Record<string, unknown> = {};
  for (const key of Object.keys(value)) {
    const property: unknown = value[key as keyof typeof value];
    if (property === undefined) continue;
    const copied = copy(`${name}.${key}`, property, level + 1, finish);
    // An assignment would change the prototype.
    if (key === '__proto__') Object.defineProperty(made, key, { value: copied, enumerable: true });
    else made[key] = copied;
  }
  return finish(made);
}
