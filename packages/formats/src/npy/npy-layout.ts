import type { ElementType } from '../elements/element-type.js';
import type { FileLayout } from '../write-vectors.js';

/** Enough for every shape, and a multiple of 64 bytes, so that the elements are aligned in a mapped file. */
const TOTAL_HEADER_BYTES = 128;
const PREAMBLE = Buffer.from('\x93NUMPY\x01\x00', 'latin1');

const DESCRIPTIONS: Partial<Readonly<Record<ElementType, string>>> = {
  float32: '<f4',
  float64: '<f8',
  float16: '<f2',
  int8: '|i1',
};

/** The layout of an `.npy` file of version 1.0: what `numpy.save` writes. */
export function npyLayout(dtype: ElementType, dimensions: number): FileLayout {
  return {
    header(rows) {
      const shape = `{'descr': '${DESCRIPTIONS[dtype]}', 'fortran_order': False, 'shape': (${rows}, ${dimensions}), }`;
      const bytes = Buffer.alloc(TOTAL_HEADER_BYTES, ' ');
      PREAMBLE.copy(bytes);
      bytes.writeUInt16LE(TOTAL_HEADER_BYTES - PREAMBLE.length - 2, PREAMBLE.length);
      bytes.write(shape, PREAMBLE.length + 2, 'latin1');
      bytes.write('\n', TOTAL_HEADER_BYTES - 1);
      return bytes;
    },
    rows: (elements) => elements,
  };
}
