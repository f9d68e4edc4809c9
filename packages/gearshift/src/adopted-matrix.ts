import { readRow, type Elements, type MatrixChange, type RowSpan, type VectorMatrix } from '@gearshift/contracts';
import { requireInteger } from '@gearshift/contracts/internal';
import { saveMatrix, type PinnedMatrix, type SaveOptions } from '@gearshift/storage';
import type { OperandOwner } from './operand-owner.js';
import type { OwnedMatrix } from './executor.js';

/** A matrix over the caller's own array, which the caller changes and announces with `markChanged`. */
export class AdoptedMatrix implements OwnedMatrix {
  readonly id: number;
  version: number;
  readonly rows: number;
  readonly dimensions: number;
  declare readonly dtype?: VectorMatrix['dtype'];
  declare readonly scale?: number | undefined;
  declare readonly values: Elements;
  declare readonly expectedUses?: VectorMatrix['expectedUses'];
  declare readonly companion?: VectorMatrix['companion'];
  declare changes?: readonly MatrixChange[] | undefined;
  #values: Elements | undefined;
  readonly #owner: OperandOwner;

  constructor(matrix: VectorMatrix, owner: OperandOwner) {
    this.id = matrix.id;
    this.version = matrix.version;
    this.rows = matrix.rows;
    this.dimensions = matrix.dimensions;
    if (matrix.dtype !== undefined) this.dtype = matrix.dtype;
    if (matrix.scale !== undefined) this.scale = matrix.scale;
    if (matrix.expectedUses !== undefined) this.expectedUses = matrix.expectedUses;
    if (matrix.companion !== undefined) this.companion = matrix.companion;
    this.#values = matrix.values;
    this.#owner = owner;
    // An own property, so that postMessage sends the array; a getter, so that its memory is dropped even if this is frozen.
    Object.defineProperty(this, 'values', { enumerable: true, get: () => this.#live() });
  }

  get file(): undefined {
    return undefined;
  }

  get liveRows(): number {
    return this.rows;
  }

  row(row: number): Float32Array {
    const copy = new Float32Array(this.dimensions);
    readRow(this, requireInteger('row', row, 0, this.rows - 1), copy);
    return copy;
  }

  async save(path: string | URL, options?: SaveOptions): Promise<void> {
    const matrix = this.pin();
    await saveMatrix(matrix, path, options, undefined, (make, signal) =>
      this.#owner.companionOf(matrix, make || this.companion === 'codes', signal),
    );
  }

  pin(): PinnedMatrix {
    const { id, version, rows, dimensions, dtype, scale, values, expectedUses, companion } = this;
    return { id, version, rows, dimensions, dtype, scale, values, expectedUses, companion, [Symbol.dispose]() {} };
  }

  async append(): Promise<RowSpan> {
    throw adoptedError('append rows to');
  }

  async update(): Promise<void> {
    throw adoptedError('update');
  }

  async remove(): Promise<void> {
    throw adoptedError('remove rows from');
  }

  async compact(): Promise<Uint32Array> {
    throw adoptedError('compact');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#values === undefined) return;
    this.#values = undefined;
    this.#owner.onDispose(this);
  }

  #live(): Elements {
    if (this.#values === undefined) throw new TypeError('matrix is disposed');
    return this.#values;
  }
}

function adoptedError(what: string): TypeError {
  return new TypeError(
    `matrix: cannot ${what} an adopted array; to fix it: change the array and call markChanged, or leave out adopt`,
  );
}
