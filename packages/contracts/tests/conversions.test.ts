import { describe, expect, test } from 'vitest';
import { toFloat16Bits } from '../src/elements/float16.js';
import {
  bfloat16ToFloat32,
  float16ToFloat32,
  int8Scale,
  int8ToFloat32,
  toBfloat16,
  toFloat16,
  toInt8,
} from '../src/internal.js';

const ALL_BITS = Uint16Array.from({ length: 65_536 }, (_, bits) => bits);

/** The number that the bits stand for, by the definition of IEEE 754 with `exponentBits` and `fractionBits`. */
function byDefinition(bits: number, exponentBits: number, fractionBits: number): number {
  const digits = bits.toString(2).padStart(16, '0');
  const exponent = Number.parseInt(digits.slice(1, 1 + exponentBits), 2);
  const fraction = Number.parseInt(digits.slice(1 + exponentBits), 2) / 2 ** fractionBits;
  const bias = 2 ** (exponentBits - 1) - 1;
  const sign = digits.startsWith('1') ? -1 : 1;
  if (exponent === 2 ** exponentBits - 1) return fraction === 0 ? sign * Infinity : Number.NaN;
  return sign * (exponent === 0 ? fraction * 2 ** (1 - bias) : (1 + fraction) * 2 ** (exponent - bias));
}

const isNaN16 = (bits: number, infinity: number) => (bits & 0x7fff) > infinity;

/** Runs without `Float16Array`, as on Node.js 20. */
function withoutNative<T>(run: () => T): T {
  const scope = globalThis as { Float16Array?: unknown };
  const native = scope.Float16Array;
  delete scope.Float16Array;
  try {
    return run();
  } finally {
    if (native !== undefined) scope.Float16Array = native;
  }
}

describe.each([
  ['with what Node.js has', (run: () => void) => run()],
  ['without Float16Array', withoutNative],
])('float16 %s', (_name, within) => {
  test('widens all 65,536 bit patterns exactly', () => {
    within(() => {
      const wide = float16ToFloat32(ALL_BITS);
      const wrong = [...ALL_BITS].filter((bits) => !Object.is(wide[bits], byDefinition(bits, 5, 10)));
      expect(wrong).toEqual([]);
    });
  });

  test('every number that is a float16 keeps its bits, and every NaN stays one', () => {
    within(() => {
      const back = toFloat16(float16ToFloat32(ALL_BITS));
      const wrong = [...ALL_BITS].filter((bits) =>
        isNaN16(bits, 0x7c00) ? !isNaN16(back[bits], 0x7c00) : back[bits] !== bits,
      );
      expect(wrong).toEqual([]);
    });
  });

  test('rounds what lies between two neighbours to the nearer one, and half-way to the even one', () => {
    within(() => {
      const wrong: number[] = [];
      for (let bits = 0; bits < 0x7bff; bits++) {
        const [low, high] = [byDefinition(bits, 5, 10), byDefinition(bits + 1, 5, 10)];
        const middle = (low + high) / 2; // exact in float64
        const even = bits % 2 === 0 ? bits : bits + 1;
        const quarter = (high - low) * 2 ** -40;
        const found = toFloat16([middle, middle - quarter, middle + quarter, -middle, low, high]);
        const wanted = [even, bits, bits + 1, even | 0x8000, bits, bits + 1];
        if (wanted.some((want, index) => found[index] !== want)) wrong.push(bits);
      }
      expect(wrong).toEqual([]);
      // 65,520 is half-way from the largest float16 to the next power of two.
      expect([...toFloat16([65_519.999, 65_520, -65_520, 1e300, 2 ** -25, 2 ** -25 * 1.0001, -0])]).toEqual([
        0x7bff, 0x7c00, 0xfc00, 0x7c00, 0, 1, 0x8000,
      ]);
    });
  });
});

test('rounds float64 to float16 once: through float32, this one would be rounded down', () => {
  const value = 1 + 2 ** -11 + 2 ** -40;
  expect(toFloat16Bits(value)).toBe(0x3c01);
  expect(toFloat16Bits(Math.fround(value))).toBe(0x3c00);
});

describe('bfloat16', () => {
  test('widens all 65,536 bit patterns exactly', () => {
    const wide = bfloat16ToFloat32(ALL_BITS);
    const wrong = [...ALL_BITS].filter((bits) => !Object.is(wide[bits], byDefinition(bits, 8, 7)));
    expect(wrong).toEqual([]);
  });

  test('every number that is a bfloat16 keeps its bits, and every NaN stays one', () => {
    const back = toBfloat16(bfloat16ToFloat32(ALL_BITS));
    const wrong = [...ALL_BITS].filter((bits) =>
      isNaN16(bits, 0x7f80) ? !isNaN16(back[bits], 0x7f80) : back[bits] !== bits,
    );
    expect(wrong).toEqual([]);
  });

  test('rounds what lies between two neighbours to the nearer one, and half-way to the even one', () => {
    const wrong: number[] = [];
    for (let bits = 0; bits < 0x7f7f; bits++) {
      const [low, high] = [byDefinition(bits, 8, 7), byDefinition(bits + 1, 8, 7)];
      const middle = (low + high) / 2;
      const even = bits % 2 === 0 ? bits : bits + 1;
      const little = (high - low) * 2 ** -40;
      const found = toBfloat16([middle, middle - little, middle + little, -middle, -(middle + little)]);
      const wanted = [even, bits, bits + 1, even | 0x8000, (bits + 1) | 0x8000];
      if (wanted.some((want, index) => found[index] !== want)) wrong.push(bits);
    }
    expect(wrong).toEqual([]);
    expect([...toBfloat16([Infinity, -Infinity, 1e300, -1e-300, 0, -0])]).toEqual([
      0x7f80, 0xff80, 0x7f80, 0x8000, 0, 0x8000,
    ]);
  });
});

describe('int8', () => {
  test('rounds to the nearest step, ties to even, and clamps at 127', () => {
    const values = [0, 0.5, 1.5, 2.5, -0.5, -1.5, -2.5, 0.49, 300, -300, Infinity, -Infinity];
    expect([...toInt8(values, 1)]).toEqual([0, 0, 2, 2, 0, -2, -2, 0, 127, -127, 127, -127]);
  });

  test('the scale makes the largest finite value 127, and comes back within half a step', () => {
    const values = Float32Array.from({ length: 1000 }, (_, index) => Math.sin(index) * 3);
    const scale = int8Scale(values);
    const bytes = toInt8(values, scale);
    expect(Math.max(...bytes.map(Math.abs))).toBe(127);
    const back = int8ToFloat32(bytes, scale);
    expect(values.every((value, index) => Math.abs(value - back[index]) <= scale * 0.5001)).toBe(true);
    expect(int8Scale([0, 0])).toBe(1);
    expect(int8Scale([Infinity, -254])).toBe(2);
  });

  test('refuses a NaN and a scale that is not positive', () => {
    expect(() => toInt8([1, NaN], 1)).toThrow('values: expected no NaN, got one at 1');
    for (const scale of [0, -1, NaN, Infinity]) expect(() => toInt8([1], scale)).toThrow(RangeError);
  });
});
