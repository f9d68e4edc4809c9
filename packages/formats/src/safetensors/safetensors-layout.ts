import { ELEMENT_BYTES, type ElementType } from '../elements/element-type.js';
import type { FileLayout } from '../write-vectors.js';
import { SCALE_KEY } from './open-safetensors.js';
import { LENGTH_BYTES } from './safetensors-header.js';

const TYPES: Partial<Readonly<Record<ElementType, string>>> = {
  float32: 'F32',
  float64: 'F64',
  float16: 'F16',
  bfloat16: 'BF16',
  int8: 'I8',
};

/** The layout of a safetensors file with one tensor. int8 elements have their scale in `__metadata__`. */
export function safetensorsLayout(dtype: ElementType, dimensions: number, scale: number, tensor: string): FileLayout {
  const headerOf = (rows: number): Buffer => {
    const bytes = rows * dimensions * ELEMENT_BYTES[dtype];
    const entry = `{"dtype":"${TYPES[dtype]}","shape":[${rows},${dimensions}],"data_offsets":[0,${bytes}]}`;
    const metadata = dtype === 'int8' ? `"__metadata__":{"${SCALE_KEY}":"${scale}"},` : '';
    return Buffer.from(`{${metadata}${JSON.stringify(tensor)}:${entry}}`);
  };
  // Spaces after the object are part of the format, so the header can keep its length when the number of rows is known.
  const longest = headerOf(Number.MAX_SAFE_INTEGER).length;
  const headerBytes = Math.ceil((LENGTH_BYTES + longest) / 64) * 64 - LENGTH_BYTES;
  return {
    header(rows) {
      const bytes = Buffer.alloc(LENGTH_BYTES + headerBytes, ' ');
      bytes.writeBigUInt64LE(BigInt(headerBytes));
      headerOf(rows).copy(bytes, LENGTH_BYTES);
      return bytes;
    },
    rows: (elements) => elements,
  };
}
