import { expected, requireObject } from './arguments.js';

/** The names of the options that a function takes. */
export type OptionNames = ReadonlySet<string>;

/** Lists the options of an interface; the compiler reports a missing or a wrong name. */
export function optionNames<O extends object>(names: Readonly<Record<keyof O, true>>): OptionNames {
  return new Set(Object.keys(names));
}

/**
 * Checks an object of options from a caller: a plain object with known names only. A misspelt option, one of another version
 * or an inherited one would otherwise be ignored without a word.
 *
 * It reads no option and allocates nothing, for requests. Other code uses {@link readOptions}.
 *
 * @param name of the argument, for messages
 * @throws TypeError that names the unknown option and the nearest known one
 */
export function checkOptions(name: string, options: object, known: OptionNames): void {
  requirePlain(name, options);
  for (const option in options) {
    // Inherited names are those of a polluted Object.prototype, which own() does not read.
    if (!known.has(option) && Object.hasOwn(options, option)) throw unknownOption(name, option, known);
  }
}

/**
 * A copy of checked options without a prototype, so that it can be destructured although Object.prototype may be polluted.
 * Without options it is empty.
 *
 * @throws TypeError as {@link checkOptions}
 */
export function readOptions<O extends object>(name: string, options: O | undefined, known: OptionNames): O {
  if (options === undefined) return Object.create(null) as O;
  checkOptions(name, options, known);
  return copyOwn(options, known);
}

/** Every field of a request and every option of an operation. */
type RequestFields = Partial<
  Record<
    | ('operation' | 'query' | 'matrix' | 'queries' | 'where' | 'k' | 'metric' | 'candidates' | 'minScore')
    | ('graph' | 'activations' | 'hops' | 'decay' | 'retention' | 'threshold')
    | ('start' | 'end' | 'signal' | 'deadlineMs'),
    unknown
  >
>;

/**
 * The own fields of a checked request or of the options of an operation: the object itself unless Object.prototype is
 * polluted, because a copy would cost more than all other checks of a small request. The names are written out because a
 * lookup of a constant name costs a tenth of one in a loop.
 */
export function ownFields<O extends object>(fields: O, known: OptionNames): O {
  const inherited = Object.getPrototypeOf(fields) as RequestFields | null;
  const isPolluted =
    inherited !== null &&
    (inherited.operation !== undefined ||
      inherited.query !== undefined ||
      inherited.matrix !== undefined ||
      inherited.queries !== undefined ||
      inherited.where !== undefined ||
      inherited.k !== undefined ||
      inherited.metric !== undefined ||
      inherited.candidates !== undefined ||
      inherited.minScore !== undefined ||
      inherited.graph !== undefined ||
      inherited.activations !== undefined ||
      inherited.hops !== undefined ||
      inherited.decay !== undefined ||
      inherited.retention !== undefined ||
      inherited.threshold !== undefined ||
      inherited.start !== undefined ||
      inherited.end !== undefined ||
      inherited.signal !== undefined ||
      inherited.deadlineMs !== undefined);
  return isPolluted ? copyOwn(fields, known) : fields;
}

/** The known options that are own properties, without a prototype. */
function copyOwn<O extends object>(options: O, known: OptionNames): O {
  const copy = Object.create(null) as Record<string, unknown>;
  for (const option of Object.getOwnPropertyNames(options)) {
    if (known.has(option)) copy[option] = options[option as keyof O];
  }
  return copy as O;
}

/**
 * `object[key]` if it is an own property, so that a polluted Object.prototype changes nothing. The value is read once, so a
 * getter cannot change it after a check.
 */
export function own<T extends object, K extends keyof T>(object: T, key: K): T[K] | undefined {
  const value = object[key];
  return value === undefined || Object.hasOwn(object, key) ? value : undefined;
}

/**
 * `value` as an object with the prototype of object literals (of any realm) or none. What a class or another prototype adds
 * would be lost without a word, because only own properties are read.
 */
export function requirePlain(name: string, given: unknown): object {
  const value = requireObject(name, given);
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype === Object.prototype || prototype === null || isObjectPrototype(prototype)) return value;
  throw new TypeError(
    expected(name, 'a plain object (copy the properties into one, because inherited ones are not read)', value),
  );
}

/** Whether it is the Object.prototype of another realm, such as that of a test runner. */
function isObjectPrototype(prototype: unknown): boolean {
  return Object.getPrototypeOf(prototype) === null && Object.hasOwn(prototype as object, 'isPrototypeOf');
}

function unknownOption(name: string, option: string, known: OptionNames): TypeError {
  const names = [...known];
  if (names.length === 0) return new TypeError(`${name}: '${option}' is not an option; there are none`);
  const nearest = names.reduce((best, other) => (distance(option, other) < distance(option, best) ? other : best));
  return new TypeError(
    `${name}: '${option}' is not an option; did you mean '${nearest}'? The options are ${names.join(', ')}`,
  );
}

/** Number of letters to insert, delete, replace or exchange to turn one name into the other. */
function distance(given: string, name: string): number {
  const a = given.slice(0, 100).toLowerCase();
  const b = name.toLowerCase();
  // 'window' means 'windowSize', not 'devices'.
  if (Math.min(a.length, b.length) > 2 && (a.startsWith(b) || b.startsWith(a))) return 0.5;
  let before: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      row[j] = Math.min(row[j - 1] + 1, last[j] + 1, last[j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1));
      const isExchange = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      if (isExchange) row[j] = Math.min(row[j], before[j - 2] + 1);
    }
    before = last;
    last = row;
  }
  return last[b.length];
}
