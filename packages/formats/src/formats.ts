import { extname } from 'node:path';
import { ARROW_MAGIC } from './arrow/arrow-messages.js';
import { listArrow, openArrow } from './arrow/open-arrow.js';
import type { InputFile } from './files/input-file.js';
import { listNpy, openNpy } from './npy/open-npy.js';
import { NPY_MAGIC } from './npy/npy-header.js';
import type { OpenOptions } from './open-vectors.js';
import { listParquet, openParquet } from './parquet/open-parquet.js';
import { PARQUET_MAGIC } from './parquet/parquet-footer.js';
import { listSafetensors, openSafetensors } from './safetensors/open-safetensors.js';
import { openVecs } from './vecs/open-vecs.js';
import type { FileEntry, VectorFormat, VectorReader } from './vector-file.js';

/** How a format is recognized and opened. */
interface FormatEntry {
  readonly format: VectorFormat;
  readonly extensions: readonly string[];
  /** Whether these are the first bytes of such a file. Not set where no bytes tell. */
  readonly matches?: (first: Uint8Array) => boolean;
  readonly open: (file: InputFile, options: OpenOptions) => Promise<VectorReader>;
  readonly list: (file: InputFile) => Promise<readonly FileEntry[]>;
}

/** All formats. A new one is an entry here, and a name in VECTOR_FORMATS. */
const FORMATS: readonly FormatEntry[] = [
  { format: 'npy', extensions: ['.npy'], matches: startsWith(NPY_MAGIC), open: openNpy, list: listNpy },
  {
    format: 'safetensors',
    extensions: ['.safetensors'],
    matches: isSafetensors,
    open: openSafetensors,
    list: listSafetensors,
  },
  vecs('fvecs'),
  vecs('bvecs'),
  vecs('ivecs'),
  {
    format: 'arrow',
    extensions: ['.arrow', '.arrows', '.feather', '.ipc'],
    matches: isArrow,
    open: openArrow,
    list: listArrow,
  },
  {
    format: 'parquet',
    extensions: ['.parquet', '.pq'],
    matches: startsWith(PARQUET_MAGIC),
    open: openParquet,
    list: listParquet,
  },
];

/** The entry of a format. */
export function formatOf(format: VectorFormat): FormatEntry {
  const entry = FORMATS.find((candidate) => candidate.format === format);
  if (entry === undefined) throw new RangeError(`format: '${format}' is not supported`);
  return entry;
}

/** The format that the extension of a path names, or undefined. */
export function formatOfPath(path: string): VectorFormat | undefined {
  const extension = extname(path).toLowerCase();
  return FORMATS.find(({ extensions }) => extensions.includes(extension))?.format;
}

/**
 * The format by the extension of the path, otherwise by the first bytes.
 *
 * @throws FormatError if neither tells
 */
export async function detectFormat(file: InputFile): Promise<VectorFormat> {
  const named = formatOfPath(file.path);
  if (named !== undefined) return named;
  const first = await file.read(0, Math.min(16, file.sizeBytes));
  const found = FORMATS.find(({ matches }) => matches?.(first) === true);
  if (found !== undefined) return found.format;
  const known = FORMATS.flatMap(({ extensions }) => extensions).join(', ');
  throw file.error('unknown-format', `neither its name nor its first bytes tell the format; known are ${known}`);
}

function vecs(format: 'fvecs' | 'bvecs' | 'ivecs'): FormatEntry {
  const open = (file: InputFile): Promise<VectorReader> => openVecs(file, format);
  const list = async (file: InputFile): Promise<readonly FileEntry[]> => {
    const { rows, dimensions, dtype } = await open(file);
    return [{ name: undefined, type: dtype, shape: [rows ?? 0, dimensions] }];
  };
  return { format, extensions: [`.${format}`], open, list };
}

function startsWith(magic: readonly number[]): (first: Uint8Array) => boolean {
  return (first) => magic.every((byte, index) => first[index] === byte);
}

/** The magic of a file, or the continuation of the first message of a stream. */
function isArrow(first: Uint8Array): boolean {
  return startsWith(ARROW_MAGIC)(first) || startsWith([0xff, 0xff, 0xff, 0xff])(first);
}

/** A length below 16 MiB and a brace. */
function isSafetensors(first: Uint8Array): boolean {
  return first.length > 8 && first[8] === 0x7b && first.subarray(4, 8).every((byte) => byte === 0) && first[3] === 0;
}
