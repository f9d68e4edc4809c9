import { toFloat32 } from './elements/convert-elements.js';
import type { ElementType, RawValues } from './elements/element-type.js';

/** A value of a column beside the vectors. 64-bit integers are bigint, whatever their size. */
export type ColumnValue = string | number | bigint | boolean | null;

/** Some rows of a file: `rows x dimensions` elements, row-major. The arrays belong to the caller. */
export class VectorBatch {
  /** Number of the first row in the file. */
  readonly start: number;
  readonly rows: number;
  readonly dimensions: number;
  readonly dtype: ElementType;
  /** Of int8 elements: an element stands for `element * scale`. */
  readonly scale: number;
  /** The elements as they are in the file, in the byte order of the machine. float16 and bfloat16 are their bits. */
  readonly raw: RawValues;
  /** The columns that were asked for, by name: a value for each row. */
  readonly columns: ReadonlyMap<string, readonly ColumnValue[]>;

  constructor(
    file: { readonly dimensions: number; readonly dtype: ElementType; readonly scale: number },
    start: number,
    raw: RawValues,
    columns: ReadonlyMap<string, readonly ColumnValue[]> = new Map(),
  ) {
    this.start = start;
    this.rows = raw.length / file.dimensions;
    this.dimensions = file.dimensions;
    this.dtype = file.dtype;
    this.scale = file.scale;
    this.raw = raw;
    this.columns = columns;
  }

  /**
   * The elements as float32. float64 and int32 are rounded to the nearest float32; all other types fit.
   *
   * @param output of `rows * dimensions` elements. Without it, a float32 batch returns its own array.
   */
  toFloat32(output?: Float32Array): Float32Array {
    if (output !== undefined && output.length !== this.raw.length) {
      throw new RangeError(`output: expected a Float32Array of ${this.raw.length} elements, got ${output.length}`);
    }
    return toFloat32(this.raw, this.dtype, this.scale, output);
  }
}
