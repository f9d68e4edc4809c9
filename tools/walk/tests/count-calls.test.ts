import { afterEach, expect, it } from 'vitest';
import { countCalls } from '../src/count-calls.mjs';
import { RECORDER } from '../src/recorder-name.mjs';

const where = { package: 'x', file: 'x/src/y.ts' };
const recorder = globalThis as unknown as Record<string, unknown>;

afterEach(() => {
  // eslint-disable-next-line @typescript-eslint/no-dynamic-delete -- the name is a constant of the tool.
  delete recorder[RECORDER];
});

/** The calls that are reported while a module runs, in order: `line name`. */
async function callsIn(source: string): Promise<string[]> {
  const calls: string[] = [];
  recorder[RECORDER] = (key: string) => {
    const { line, name, ...rest } = JSON.parse(key);
    expect(rest).toEqual({ ...where, column: expect.any(Number) });
    calls.push(`${line} ${name}`);
  };
  const code = countCalls(source, where);
  await import(/* @vite-ignore */ `data:text/javascript,${encodeURIComponent(code)}`);
  return calls;
}

it('countCalls reports every call in order, with the line of the function in the source', async () => {
  const source = `
    function outer(): number { return inner(1) + inner(2); }
    const inner = (value: number) => value;
    outer();
    (function named() {})();`;
  expect(await callsIn(source)).toEqual(['2 outer', '3 inner', '3 inner', '5 named']);
});

it('countCalls names methods, accessors and constructors after their class', async () => {
  const source = `
    class Base { constructor(readonly?: number) { void readonly; } }
    class Thing extends Base {
      #value = 1;
      constructor() { super(2); }
      get value() { return this.#read(); }
      set value(value: number) { this.#value = value; }
      static make() { return new Thing(); }
      #read() { return this.#value; }
    }
    const thing = Thing.make();
    thing.value = thing.value;`;
  expect(await callsIn(source)).toEqual([
    '8 Thing.make',
    '5 Thing.constructor',
    '2 Base.constructor',
    '6 Thing.get value',
    '9 Thing.#read',
    '7 Thing.set value',
  ]);
});

it('countCalls names an anonymous function after its variable or property, or after the function around it', async () => {
  const source = `
    function around(field = () => 1, { bound = () => 2 } = {}) {
      const object = { key: () => field() + bound() };
      object.other = () => [0].map(() => object.key());
      [0].forEach(() => object.other());
    }
    around();`;
  expect(await callsIn(source)).toEqual([
    '2 around',
    '5 around (callback)',
    '4 other',
    '4 other (callback)',
    '3 key',
    '2 field',
    '2 bound',
  ]);
});

it('countCalls counts an async function or generator once, even if it continues several times', async () => {
  const source = `
    async function wait(): Promise<void> { await null; await null; }
    function* count() { yield 1; yield 2; }
    await wait();
    [...count()];`;
  expect(await callsIn(source)).toEqual(['2 wait', '3 count']);
});

it('countCalls adds nothing to overloads and to classes without a constructor', async () => {
  const source = `
    class Plain { value = 1; }
    function over(value: string): void;
    function over(value: number): void;
    function over(_value: unknown) { new Plain(); }
    over(1);`;
  expect(await callsIn(source)).toEqual(['5 over']);
});

it('countCalls drops type imports, as tsc does', () => {
  expect(countCalls(`import type { A } from './a.js';\nexport const f = (a: A): A => a;`, where)).not.toContain(
    './a.js',
  );
});
