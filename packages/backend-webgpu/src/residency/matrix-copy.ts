import { readRow, type Elements, type RowSpan, type VectorMatrix } from '@gearshift/contracts';
import type { BackendFailures, Failure } from '@gearshift/native-kit';
import type { GpuDevice } from '../device/gpu-device.js';
import { LAY_OUT, LAY_OUT_LANES, layOutParameters, ROWS_TOGETHER } from '../kernels/lay-out.js';
import type { DeviceCompanion } from '../kernels/companion-code.js';
import { MatrixCompanion } from './matrix-companion.js';
import { isNormOfDevice } from './norm-range.js';

/** How much is uploaded at a time. */
const PIECE_BYTES = 4 * 2 ** 20;
const MOST_WORKGROUPS = 65_535;
/** A copy has room for so many more rows, in shares of those it has. */
const SPARE_SHARE = 1 / 8;
const SAMPLES = 64;

/** Rows `[first, first + capacity)` of a matrix, in buffers of their own: no binding may be larger than the device allows. */
export interface Tile {
  readonly first: number;
  readonly capacity: number;
  /** As {@link LAY_OUT} leaves them. */
  readonly rows: GPUBuffer;
  /** (1 / norm, norm) of each row; (0, -1) for one that the host scores. */
  readonly norms: GPUBuffer;
}

/** The rows of a matrix on a device, in float32. */
export class MatrixCopy {
  readonly dimensions: number;
  /** Fours of elements of a row, the last one padded with zeros. */
  readonly quads: number;
  readonly tiles: Tile[] = [];
  /** Which companion the matrix asks for. */
  readonly wantedCompanion: DeviceCompanion | undefined;
  readonly #device: GpuDevice;
  readonly #failures: BackendFailures;
  readonly #hostRows = new Set<number>();
  #sortedHostRows: Uint32Array | undefined;
  #samples: Elements | undefined;
  #companion: MatrixCompanion | undefined;
  rows = 0;
  /** In all, for tests: changes reach the device as changed rows only. */
  uploadedRows = 0;

  constructor(device: GpuDevice, failures: BackendFailures, dimensions: number, companion?: DeviceCompanion) {
    this.#device = device;
    this.#failures = failures;
    this.dimensions = dimensions;
    this.wantedCompanion = companion;
    this.quads = Math.ceil(dimensions / 4);
  }

  /** Bytes of a row and its norms on the device. */
  static bytesPerRow(dimensions: number): number {
    return Math.ceil(dimensions / 4) * 16 + 8;
  }

  /** The most dimensions of which some rows fit in one buffer. */
  static mostDimensions(device: GpuDevice): number {
    return Math.floor(device.largestBufferBytes / (ROWS_TOGETHER * 16)) * 4;
  }

  /** With the companion. */
  get bytes(): number {
    const ownBytes = this.tiles.reduce((sum, { rows, norms }) => sum + rows.size + norms.size, 0);
    return ownBytes + (this.#companion?.bytes ?? 0);
  }

  /** Undefined where the matrix asks for none, or the device had no memory for it. */
  get companion(): MatrixCompanion | undefined {
    return this.#companion;
  }

  /** The rows in `[start, end)` that the host has to score, ascending. */
  hostRowsIn(start: number, end: number): Uint32Array {
    this.#sortedHostRows ??= Uint32Array.from(this.#hostRows).sort();
    const rows = this.#sortedHostRows;
    if (rows.length === 0) return rows;
    return rows.filter((row) => row >= start && row < end);
  }

  /** Whether these are the values that were uploaded, by a sample of them. */
  matches(values: Elements): boolean {
    const samples = this.#samples;
    return samples !== undefined && samplePlaces(values.length).every((at, i) => Object.is(samples[i], values[at]));
  }

  /** Makes room for so many rows. Rows that are there stay. */
  async reserve(rows: number): Promise<Failure | undefined> {
    const capacity = this.tiles.reduce((sum, tile) => sum + tile.capacity, 0);
    if (rows <= capacity) return undefined;
    const groupBytes = this.quads * 16 * ROWS_TOGETHER;
    const mostRows = Math.floor(this.#device.largestBufferBytes / groupBytes) * ROWS_TOGETHER;
    const spare = capacity === 0 ? 0 : Math.ceil(rows * SPARE_SHARE);
    const tiles: Tile[] = [];
    const failure = await this.#device.createBuffers((own) => {
      let first = capacity;
      while (first < rows) {
        const wanted = Math.min(mostRows, Math.ceil((rows + spare - first) / ROWS_TOGETHER) * ROWS_TOGETHER);
        tiles.push({
          first,
          capacity: wanted,
          rows: own((wanted / ROWS_TOGETHER) * groupBytes),
          norms: own(wanted * 8),
        });
        first += wanted;
      }
    });
    if (failure === undefined) this.tiles.push(...tiles);
    return failure;
  }

  /**
   * Uploads rows `[start, end)` of the matrix to their places, with turns of the event loop in between.
   *
   * @throws TypeError when the memory of the matrix was transferred meanwhile
   */
  async upload(
    matrix: VectorMatrix,
    { start, end }: RowSpan,
    signal: AbortSignal | undefined,
  ): Promise<Failure | undefined> {
    return this.#uploadTo(start, end, (row) => row, matrix, signal);
  }

  /** Uploads the listed rows of the matrix, or those from a number on, to the places from 0 on. */
  async uploadRows(
    matrix: VectorMatrix,
    rows: Uint32Array | number,
    count: number,
    signal: AbortSignal | undefined,
  ): Promise<Failure | undefined> {
    const rowAt = typeof rows === 'number' ? (place: number) => rows + place : (place: number) => rows[place];
    return this.#uploadTo(0, count, rowAt, matrix, signal);
  }

  async #uploadTo(
    start: number,
    end: number,
    rowAt: (place: number) => number,
    matrix: VectorMatrix,
    signal: AbortSignal | undefined,
  ): Promise<Failure | undefined> {
    const kernel = await this.#device.kernel('lay out', () => LAY_OUT);
    if (!kernel.ok) return kernel;
    const width = this.quads * 4;
    const pieceRows = Math.max(1, Math.min(Math.floor(PIECE_BYTES / (width * 4)), end - start));
    const values = new Float32Array(pieceRows * width);
    const norms = new Float32Array(pieceRows * 2);
    this.#sortedHostRows = undefined;
    for (let place = start; place < end;) {
      if (signal?.aborted === true) return this.#failures.aborted();
      const tile = this.#tileOf(place);
      const inTile = place - tile.first;
      const count = Math.min(pieceRows, end - place, tile.capacity - inTile);
      for (let i = 0; i < count; i++) this.#read(matrix, rowAt(place + i), place + i, values, i * width, norms, i * 2);
      const uploaded = await this.#device.run((work) => {
        const quads = count * this.quads;
        const groups = Math.ceil(quads / LAY_OUT_LANES);
        const x = Math.min(groups, MOST_WORKGROUPS);
        const parameters = work.parameters(layOutParameters(inTile, this.quads, quads));
        const rows = work.input(values.subarray(0, count * width));
        work.dispatch(kernel.value, [parameters, rows, tile.rows], x, Math.ceil(groups / x));
        work.write(tile.norms, inTile * 8, norms.subarray(0, count * 2));
      });
      if (!uploaded.ok) return uploaded;
      this.uploadedRows += count;
      place += count;
    }
    return undefined;
  }

  /**
   * Makes the companion that the matrix asks for, or brings it up to date in the rows that were uploaded. Without enough memory for it there
   * is none: it is no reason to release copies of other rows.
   */
  async bringCompanion(uploaded: readonly RowSpan[], signal: AbortSignal | undefined): Promise<Failure | undefined> {
    if (this.wantedCompanion === undefined) return undefined;
    const isNew = this.#companion === undefined;
    this.#companion ??= new MatrixCompanion(this.#device, this.#failures, this.wantedCompanion, this.dimensions);
    const companion = this.#companion;
    let failure = await companion.reserve(this.tiles);
    for (const rows of isNew ? [{ start: 0, end: this.rows }] : uploaded) {
      failure ??= await companion.encode(this.tiles, rows, signal);
    }
    if (failure === undefined) return undefined;
    this.dropCompanion();
    return failure.error.kind === 'out-of-memory' ? undefined : failure;
  }

  dropCompanion(): void {
    this.#companion?.destroy();
    this.#companion = undefined;
  }

  /** Remembers what {@link matches} compares. */
  sample({ values }: VectorMatrix): void {
    const places = samplePlaces(values.length);
    const samples = values.slice(0, places.length);
    for (const [i, at] of places.entries()) samples[i] = values[at];
    this.#samples = samples;
  }

  destroy(): void {
    this.dropCompanion();
    for (const { rows, norms } of this.tiles.splice(0)) {
      this.#device.pool.destroy(rows);
      this.#device.pool.destroy(norms);
    }
  }

  #tileOf(row: number): Tile {
    const tile = this.tiles.findLast(({ first }) => first <= row);
    if (tile === undefined) throw new RangeError(`row: expected one of the copy, got ${row}`);
    return tile;
  }

  #read(
    matrix: VectorMatrix,
    row: number,
    place: number,
    values: Float32Array,
    at: number,
    norms: Float32Array,
    normsAt: number,
  ): void {
    readRow(matrix, row, values.subarray(at, at + this.dimensions));
    let squaredNorm = 0;
    for (let i = at; i < at + this.dimensions; i++) squaredNorm += values[i] * values[i];
    const isOfDevice = isNormOfDevice(squaredNorm) || squaredNorm === 0;
    const norm = Math.sqrt(squaredNorm);
    norms[normsAt] = isOfDevice && norm > 0 ? 1 / norm : 0;
    norms[normsAt + 1] = isOfDevice ? norm : -1;
    if (isOfDevice) this.#hostRows.delete(place);
    else {
      this.#hostRows.add(place);
      values.fill(0, at, at + this.dimensions);
    }
  }
}

function samplePlaces(length: number): number[] {
  const count = Math.min(length, SAMPLES);
  return Array.from({ length: count }, (_, i) => Math.floor((i * length) / count));
}
