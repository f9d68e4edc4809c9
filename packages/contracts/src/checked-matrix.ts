import type { Elements } from './elements/dtype.js';
import type { VectorMatrix } from './matrix.js';
import type { PlacedMatrix } from './placed-matrix.js';

/**
 * A matrix with fields that are known to be right and do not change: requests pass it from one part of the program to the next,
 * and none checks it again. A copy of it, such as one by spread, is an unchecked matrix.
 */
export class CheckedMatrix implements VectorMatrix {
  readonly id: number;
  readonly version: number;
  readonly rows: number;
  readonly dimensions: number;
  readonly values: Elements;
  readonly dtype: VectorMatrix['dtype'];
  readonly scale: VectorMatrix['scale'];
  readonly expectedUses: VectorMatrix['expectedUses'];
  readonly companion: VectorMatrix['companion'];
  readonly changes: VectorMatrix['changes'];
  readonly removed: VectorMatrix['removed'];
  readonly snapshot: VectorMatrix['snapshot'];
  /** No other object can have it. */
  readonly #isChecked = true;

  /** The caller has checked the fields. */
  constructor(fields: VectorMatrix) {
    this.id = fields.id;
    this.version = fields.version;
    this.rows = fields.rows;
    this.dimensions = fields.dimensions;
    this.values = fields.values;
    this.dtype = fields.dtype;
    this.scale = fields.scale;
    this.expectedUses = fields.expectedUses;
    this.companion = fields.companion;
    this.changes = fields.changes;
    this.removed = fields.removed;
    this.snapshot = fields.snapshot;
    Object.freeze(this);
  }

  /** Whether it is one, of which the memory has not been detached or resized since. */
  static isIntact(value: VectorMatrix | PlacedMatrix): value is CheckedMatrix {
    if (!(#isChecked in value)) return false;
    const { values, rows, dimensions } = value;
    return values.byteLength === rows * dimensions * values.BYTES_PER_ELEMENT && values.byteLength > 0;
  }
}
