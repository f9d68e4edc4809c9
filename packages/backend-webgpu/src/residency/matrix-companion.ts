import type { Metric, RowSpan, VectorMatrix } from '@gearshift/contracts';
import type { BackendFailures, Failure } from '@gearshift/native-kit';
import type { GpuDevice } from '../device/gpu-device.js';
import {
  blocksOfRow,
  boundFactors,
  DEVICE_COMPANIONS,
  QUADS_OF_BLOCK,
  type BoundFactors,
  type DeviceCompanion,
} from '../kernels/companion-code.js';
import { ENCODE_LANES, encodeParameters, encodeShader } from '../kernels/encode.js';
import { ROWS_TOGETHER } from '../kernels/lay-out.js';
import type { Tile } from './matrix-copy.js';

/** Multiplications that the encoding of an element is worth. */
const WORK_OF_ELEMENT = 8;
const MOST_WORKGROUPS = 65_535;
/** Rankings without the companion after one for which it left too many rows; it doubles each time. */
const FIRST_PAUSE = 1;
const LONGEST_PAUSE = 64;

/** The codes of the rows of one tile. */
export interface CompanionTile {
  readonly codes: GPUBuffer;
  /** (scale, allowance) of each row. */
  readonly scales: GPUBuffer;
}

/** The companion that a matrix asks of a device. `'auto'` is none: no GPU has shown yet that one pays. */
export function wantedCompanion({ companion }: Pick<VectorMatrix, 'companion'>): DeviceCompanion | undefined {
  return DEVICE_COMPANIONS.find((each) => each === companion);
}

interface Pause {
  left: number;
  next: number;
}

/** A copy of the rows of a matrix in fewer bits, from which rankings learn which rows need no score. The device makes it of its rows. */
export class MatrixCompanion {
  readonly kind: DeviceCompanion;
  readonly blocks: number;
  readonly factors: BoundFactors;
  readonly #device: GpuDevice;
  readonly #failures: BackendFailures;
  readonly #quads: number;
  /** In the order of the tiles of the copy. */
  readonly #tiles: CompanionTile[] = [];
  readonly #pauses = new Map<Metric, Pause>();
  /** In all, for tests: changes are encoded as changed rows only. */
  encodedRows = 0;

  constructor(device: GpuDevice, failures: BackendFailures, kind: DeviceCompanion, dimensions: number) {
    this.#device = device;
    this.#failures = failures;
    this.kind = kind;
    this.#quads = Math.ceil(dimensions / 4);
    this.blocks = blocksOfRow(kind, dimensions);
    this.factors = boundFactors(this.blocks * QUADS_OF_BLOCK[kind]);
  }

  get bytes(): number {
    return this.#tiles.reduce((sum, { codes, scales }) => sum + codes.size + scales.size, 0);
  }

  tile(place: number): CompanionTile {
    return this.#tiles[place];
  }

  /** Makes room beside all tiles. Codes that are there stay. */
  async reserve(tiles: readonly Tile[]): Promise<Failure | undefined> {
    const added: CompanionTile[] = [];
    const failure = await this.#device.createBuffers((own) => {
      for (const { capacity } of tiles.slice(this.#tiles.length)) {
        added.push({ codes: own(capacity * this.blocks * 16), scales: own(capacity * 8) });
      }
    });
    if (failure === undefined) this.#tiles.push(...added);
    return failure;
  }

  /** Makes the codes of rows that are on the device. */
  async encode(
    tiles: readonly Tile[],
    { start, end }: RowSpan,
    signal: AbortSignal | undefined,
  ): Promise<Failure | undefined> {
    const kernel = await this.#device.kernel(`encode ${this.kind}`, () => encodeShader(this.kind));
    if (!kernel.ok) return kernel;
    const workOfRow = this.#quads * 4 * WORK_OF_ELEMENT;
    const { residual, rounding } = this.factors;
    for (const [place, tile] of tiles.entries()) {
      const last = Math.min(end, tile.first + tile.capacity);
      for (let row = Math.max(start, tile.first); row < last;) {
        if (signal?.aborted === true) return this.#failures.aborted();
        const most = Math.min(
          MOST_WORKGROUPS * ENCODE_LANES,
          Math.max(ROWS_TOGETHER, Math.floor(this.#device.pace.workPerSubmit / workOfRow)),
        );
        const count = Math.min(most, last - row);
        const parameters = encodeParameters({
          quads: this.#quads,
          blocks: this.blocks,
          row: row - tile.first,
          count,
          residualFactor: residual,
          roundingFactor: rounding,
        });
        const { codes, scales } = this.#tiles[place];
        const encoded = await this.#device.run((work) => {
          const buffers = [work.parameters(parameters), tile.rows, tile.norms, codes, scales];
          work.dispatch(kernel.value, buffers, Math.ceil(count / ENCODE_LANES));
        }, count * workOfRow);
        if (!encoded.ok) return encoded;
        this.encodedRows += count;
        row += count;
      }
    }
    return undefined;
  }

  /** Whether the next ranking should use it: after one for which it left too many rows, some do without. */
  isWorthATry(metric: Metric): boolean {
    const pause = this.#pauses.get(metric);
    if (pause === undefined || pause.left === 0) return true;
    pause.left -= 1;
    return false;
  }

  /** Notes whether it left too many rows for a ranking. */
  recordOutcome(metric: Metric, leftTooMany: boolean): void {
    if (!leftTooMany) {
      this.#pauses.delete(metric);
      return;
    }
    const left = this.#pauses.get(metric)?.next ?? FIRST_PAUSE;
    this.#pauses.set(metric, { left, next: Math.min(LONGEST_PAUSE, 2 * left) });
  }

  destroy(): void {
    for (const { codes, scales } of this.#tiles.splice(0)) {
      this.#device.pool.destroy(codes);
      this.#device.pool.destroy(scales);
    }
  }
}
