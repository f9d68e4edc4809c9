import { expect, test } from 'vitest';
import { chooseLevel, readLevel } from '../src/cpu-level.js';

const levels = [
  { name: 'avx512', missing: 'avx512f avx512bw', features: '' },
  { name: 'avx2', missing: '', features: 'avxvnni amxint8' },
  { name: 'portable', missing: '', features: '' },
];

test('chooseLevel takes the best level of the CPU and explains why better ones are not used', () => {
  expect(chooseLevel(levels, undefined, undefined)).toEqual({
    ok: true,
    value: {
      index: 1,
      name: 'avx2',
      features: ['avxvnni', 'amxint8'],
      limitations: ['avx512 is not used: the CPU lacks avx512f avx512bw'],
    },
  });
});

test('chooseLevel stays below the cap and names it', () => {
  expect(chooseLevel(levels, undefined, 'portable')).toMatchObject({
    ok: true,
    value: {
      name: 'portable',
      limitations: [expect.stringContaining('avx512f'), 'avx2 is not used: GEARSHIFT_CPU_LEVEL is portable'],
    },
  });
  expect(chooseLevel(levels, undefined, 'avx512')).toMatchObject({ value: { name: 'avx2' } });
  // The levels of other platforms are no cap here.
  expect(chooseLevel(levels, undefined, 'neon')).toMatchObject({ value: { name: 'avx2' } });
});

test('chooseLevel uses a requested level or refuses it, and never replaces it', () => {
  expect(chooseLevel(levels, 'portable', undefined)).toMatchObject({
    ok: true,
    value: {
      index: 2,
      features: [],
      limitations: [expect.any(String), 'avx2 is not used: the level portable was asked for'],
    },
  });
  expect(chooseLevel(levels, 'avx512', undefined)).toEqual({
    ok: false,
    error: 'the level avx512 needs CPU features that this CPU lacks: avx512f avx512bw',
  });
  expect(chooseLevel(levels, 'neon', undefined)).toEqual({
    ok: false,
    error: 'the level neon is not part of this build, which has avx512, avx2, portable',
  });
});

test('an unknown level name throws', () => {
  expect(readLevel('level', undefined)).toBeUndefined();
  expect(readLevel('level', '')).toBeUndefined();
  expect(readLevel('level', 'avx2')).toBe('avx2');
  expect(() => readLevel('GEARSHIFT_CPU_LEVEL', 'avx3')).toThrow(
    /^GEARSHIFT_CPU_LEVEL: expected one of .*avx2.*'avx3'/,
  );
});
