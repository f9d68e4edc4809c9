import {
  bfloat16ToFloat32,
  float16ToFloat32,
  int8ToFloat32,
  toBfloat16,
  toFloat16,
  toInt8,
} from '@gearshift/contracts/internal';
import type { ElementType, RawValues } from './element-type.js';

/**
 * Elements of a file as float32. Exact except for float64 and int32, which are rounded to the nearest float32; float64 beyond its range
 * becomes infinite. int8 is multiplied by `scale`.
 *
 * @returns `output`, or `values` itself if it is float32 already and there is no output
 */
export function toFloat32(values: RawValues, dtype: ElementType, scale = 1, output?: Float32Array): Float32Array {
  if (dtype === 'float32' && output === undefined) return values as Float32Array;
  const target = output ?? new Float32Array(values.length);
  if (dtype === 'float16') return float16ToFloat32(values as Uint16Array, target);
  if (dtype === 'bfloat16') return bfloat16ToFloat32(values as Uint16Array, target);
  if (dtype === 'int8') return int8ToFloat32(values as Int8Array, scale, target);
  target.set(values);
  return target;
}

/**
 * Elements of one type as another one. Every element is rounded once.
 *
 * @param scales `from`: of int8 elements; `to`: of the result if it is int8
 * @throws RangeError if the result is int8 and an element is NaN
 */
export function convertElements(
  values: RawValues,
  from: ElementType,
  to: ElementType,
  scales: { readonly from: number; readonly to: number },
): RawValues {
  if (from === to && (from !== 'int8' || scales.from === scales.to)) return values;
  if (to === 'float32') return toFloat32(values, from, scales.from);
  // float64 and int32 keep all of their bits on the way, and every other type fits in float32.
  const numbers =
    from === 'float64' || from === 'int32' || from === 'uint8' ? values : toFloat32(values, from, scales.from);
  switch (to) {
    case 'float64':
      return Float64Array.from(numbers);
    case 'float16':
      return toFloat16(numbers);
    case 'bfloat16':
      return toBfloat16(numbers);
    case 'int8':
      return toInt8(numbers, scales.to);
    default:
      throw new RangeError(`dtype: expected a type that can be written, got '${to}'`);
  }
}
