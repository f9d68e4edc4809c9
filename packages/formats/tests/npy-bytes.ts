/** Makes the bytes of an `.npy` file as specified by numpy.lib.format, independently of the reader. */
export interface NpyParts {
  readonly version?: 1 | 2 | 3 | undefined;
  readonly descr?: string | undefined;
  readonly fortranOrder?: boolean | undefined;
  readonly shape: string;
  readonly data: ArrayBufferView;
  /** Replaces the whole header. */
  readonly header?: string | undefined;
}

export function npyBytes({
  version = 1,
  descr = "'<f4'",
  fortranOrder = false,
  shape,
  data,
  header,
}: NpyParts): Uint8Array {
  const text =
    header ?? `{'descr': ${descr}, 'fortran_order': ${fortranOrder ? 'True' : 'False'}, 'shape': ${shape}, }`;
  const preamble = version === 1 ? 10 : 12;
  const padding = (64 - ((preamble + text.length + 1) % 64)) % 64;
  const padded = new TextEncoder().encode(`${text}${' '.repeat(padding)}\n`);
  const bytes = Buffer.alloc(preamble + padded.length + data.byteLength);
  bytes.write('\x93NUMPY', 'latin1');
  bytes.writeUInt8(version, 6);
  if (version === 1) bytes.writeUInt16LE(padded.length, 8);
  else bytes.writeUInt32LE(padded.length, 8);
  bytes.set(padded, preamble);
  bytes.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), preamble + padded.length);
  return bytes;
}
