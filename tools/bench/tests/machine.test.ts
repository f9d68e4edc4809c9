import { expect, it } from 'vitest';
import { kindOfCpu } from '../src/machine.mjs';

it.each([
  [['avx2', 'fma', 'avx512f', 'avx512_vnni', 'amx_int8'], 'amx'],
  [['avx2', 'fma', 'avx512f'], 'avx512'],
  [['avx2', 'fma'], 'avx2'],
  [['asimd'], 'neon'],
  [[], 'other'],
])('names a CPU with %j by the widest instructions that it has', (features, kind) => {
  expect(kindOfCpu(features)).toBe(kind);
});
