import type { ElementType, RawValues } from './element-type.js';

/** Number of infinite elements. */
export function countInfinite(values: RawValues, dtype: ElementType): number {
  let count = 0;
  if (dtype === 'float16' || dtype === 'bfloat16') {
    const infinity = dtype === 'float16' ? 0x7c00 : 0x7f80;
    for (let i = 0; i < values.length; i++) if ((values[i] & 0x7fff) === infinity) count += 1;
  } else if (dtype === 'float32' || dtype === 'float64') {
    for (let i = 0; i < values.length; i++) if (Math.abs(values[i]) === Infinity) count += 1;
  }
  return count;
}
