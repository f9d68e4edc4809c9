/** A JSON value with maps for objects: a name such as `__proto__` is a name like any other. */
export type Json = string | number | boolean | null | readonly Json[] | ReadonlyMap<string, Json>;

/** A problem in JSON text, and its position in characters. */
export class JsonProblem extends Error {
  readonly position: number;
  constructor(problem: string, position: number) {
    super(problem);
    this.position = position;
  }
}

/** A number has at most 32 characters here: none of a header is longer. */
const NUMBER = /-?(?:0|[1-9]\d{0,20})(?:\.\d{1,20})?(?:[eE][+-]?\d{1,4})?/y;
const WORD = /true|false|null/y;

/**
 * Parses JSON, and refuses what `JSON.parse` accepts although writers and readers may understand it differently: a name that stands twice
 * in an object. Values nested deeper than `maxDepth` are refused before they cost memory.
 *
 * @throws JsonProblem
 */
export function parseStrictJson(text: string, maxDepth: number): Json {
  let position = 0;

  const fail = (problem: string): never => {
    throw new JsonProblem(problem, position);
  };

  function take(pattern: RegExp): string | undefined {
    pattern.lastIndex = position;
    const found = pattern.exec(text)?.[0];
    position += found?.length ?? 0;
    return found;
  }

  function readValue(depth: number): Json {
    const next = text[position];
    if (next === '{' || next === '[') {
      if (depth >= maxDepth) fail(`nested deeper than ${maxDepth} levels`);
      position += 1;
      return next === '{' ? readObject(depth + 1) : readArray(depth + 1);
    }
    if (next === '"') return readString();
    const number = take(NUMBER);
    if (number !== undefined) return Number(number);
    const word = take(WORD);
    if (word === undefined) return fail('expected a JSON value');
    return word === 'null' ? null : word === 'true';
  }

  function skipSpace(): void {
    while (position < text.length && ' \t\n\r'.includes(text[position])) position += 1;
  }

  /** A loop, because an expression would need memory for each character of a long string. */
  function readString(): string {
    const start = position;
    if (text[start] !== '"') return fail('expected a string');
    let end = start + 1;
    while (end < text.length && text[end] !== '"') end += text[end] === '\\' ? 2 : 1;
    try {
      const string = JSON.parse(text.slice(start, end + 1)) as string;
      position = end + 1;
      return string;
    } catch {
      return fail('expected a string with valid escapes and an end');
    }
  }

  function readObject(depth: number): ReadonlyMap<string, Json> {
    const entries = new Map<string, Json>();
    readItems('}', () => {
      const start = position;
      const name = readString();
      if (entries.has(name)) {
        position = start;
        fail('a name that stands twice in an object');
      }
      skipSpace();
      if (text[position] !== ':') fail('expected a colon');
      position += 1;
      skipSpace();
      entries.set(name, readValue(depth));
    });
    return entries;
  }

  function readArray(depth: number): readonly Json[] {
    const values: Json[] = [];
    readItems(']', () => void values.push(readValue(depth)));
    return values;
  }

  function readItems(end: string, readItem: () => void): void {
    skipSpace();
    if (text[position] === end) {
      position += 1;
      return;
    }
    for (;;) {
      skipSpace();
      readItem();
      skipSpace();
      if (text[position] === end) break;
      if (text[position] !== ',') fail(`expected a comma or ${end}`);
      position += 1;
    }
    position += 1;
  }

  skipSpace();
  const value = readValue(0);
  skipSpace();
  if (position < text.length) fail('expected the end');
  return value;
}
