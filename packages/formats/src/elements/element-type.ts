/** The element types of vectors in files. */
export const ELEMENT_TYPES = ['float32', 'float64', 'float16', 'bfloat16', 'int8', 'uint8', 'int32'] as const;

export type ElementType = (typeof ELEMENT_TYPES)[number];

/** Elements as they are in the file. float16 and bfloat16 are their bits. */
export type RawValues = Float32Array | Float64Array | Uint16Array | Int8Array | Uint8Array | Int32Array;

/** Size of an element. */
export const ELEMENT_BYTES: Readonly<Record<ElementType, 1 | 2 | 4 | 8>> = {
  float32: 4,
  float64: 8,
  float16: 2,
  bfloat16: 2,
  int8: 1,
  uint8: 1,
  int32: 4,
};

/** The array of `dtype` over a buffer. */
export function rawView(dtype: ElementType, buffer: ArrayBufferLike, byteOffset: number, length: number): RawValues {
  switch (dtype) {
    case 'float32':
      return new Float32Array(buffer, byteOffset, length);
    case 'float64':
      return new Float64Array(buffer, byteOffset, length);
    case 'float16':
    case 'bfloat16':
      return new Uint16Array(buffer, byteOffset, length);
    case 'int8':
      return new Int8Array(buffer, byteOffset, length);
    case 'uint8':
      return new Uint8Array(buffer, byteOffset, length);
    case 'int32':
      return new Int32Array(buffer, byteOffset, length);
  }
}
