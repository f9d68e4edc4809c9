import { DTYPES, type Elements, type VectorMatrix } from '@gearshift/contracts';
import {
  DTYPE_BYTES,
  expected,
  optionNames,
  readOptions,
  requireElements,
  requireInteger,
  requireOneOf,
  requireScale,
  requireSignal,
} from '@gearshift/contracts/internal';
import { nodeFileSystem } from './node-file-system.js';
import { requirePath } from './require-path.js';
import { saveContents } from './save-matrix.js';

/** Rows that come in pieces, for {@link saveRows}. */
export interface RowStream extends Pick<VectorMatrix, 'dimensions' | 'dtype' | 'scale'> {
  /** Arrays of whole rows, in order; see {@link Elements}. Each is written before the next one is asked for. */
  readonly pieces: Iterable<Elements> | AsyncIterable<Elements>;
}

export interface SaveRowsOptions {
  /** A free path in the folder of the file, for what is written until it is complete. Default: one that no other process uses. */
  readonly temporaryPath?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}

const OPTIONS = optionNames<SaveRowsOptions>({ temporaryPath: true, signal: true });

/**
 * Writes rows to a file for `openMatrix`, without having all of them in memory. The file is complete or as it was before.
 *
 * @returns the number of rows
 * @throws FileError; the signal's reason after an abort; the error of the rows. In each case nothing is left behind.
 */
export async function saveRows(path: string | URL, stream: RowStream, options?: SaveRowsOptions): Promise<number> {
  const target = requirePath('path', path);
  const { temporaryPath, signal } = readOptions('options', options, OPTIONS);
  requireSignal('signal', signal);
  const { pieces } = stream;
  const dtype = requireOneOf('dtype', DTYPES, stream.dtype) ?? 'float32';
  const scale = requireScale('scale', stream.scale, dtype);
  const dimensions = requireInteger('dimensions', stream.dimensions, 1);
  const bytesPerRow = dimensions * DTYPE_BYTES[dtype];
  const bytes = async function* () {
    for await (const piece of pieces) {
      const { buffer, byteOffset, byteLength } = requireElements('pieces', piece, dtype);
      if (byteLength % bytesPerRow !== 0) {
        throw new RangeError(expected('pieces', `arrays of whole rows of ${dimensions} dimensions`, piece));
      }
      yield new Uint8Array(buffer, byteOffset, byteLength);
    }
  };
  const contents = {
    rows: undefined,
    dimensions,
    dtype,
    scale,
    version: 1,
    removed: undefined,
    pieces: bytes(),
    companion: undefined,
  };
  const { rows } = await saveContents(contents, target, temporaryPath, signal, nodeFileSystem);
  return rows;
}
