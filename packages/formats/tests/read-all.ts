import { fileURLToPath } from 'node:url';
import { openVectors, type ColumnValue, type OpenOptions } from '../src/index.js';

/** Path of a file that an independent implementation wrote: see fixtures/make-fixtures.py. */
export function fixture(name: string): string {
  return fileURLToPath(new URL(`fixtures/${name}`, import.meta.url));
}

/** The vectors of the fixtures, 6 x 4. */
export const FIXTURE_VALUES = Float32Array.from({ length: 24 }, (_, index) => (index - 10) / 8);
/** The vectors of the fixtures of integers, 6 x 4. */
export const FIXTURE_INTEGERS = Float32Array.from({ length: 24 }, (_, index) => index - 10);

/** Everything that a file has, read in batches. */
export interface Contents {
  readonly rows: number;
  readonly dimensions: number;
  readonly dtype: string;
  readonly values: Float32Array;
  readonly columns: Readonly<Record<string, readonly ColumnValue[]>>;
}

export async function readAll(path: string, options: OpenOptions = {}, maxRows?: number): Promise<Contents> {
  await using file = await openVectors(path, options);
  const parts: Float32Array[] = [];
  const columns: Record<string, ColumnValue[]> = {};
  let rows = 0;
  for await (const batch of file.batches({ maxRows })) {
    if (batch.start !== rows) throw new Error(`expected a batch that starts at ${rows}, got ${batch.start}`);
    parts.push(batch.toFloat32());
    for (const [name, values] of batch.columns) (columns[name] ??= []).push(...values);
    rows += batch.rows;
  }
  if (file.rows !== undefined && file.rows !== rows) throw new Error(`expected ${file.rows} rows, got ${rows}`);
  const values = new Float32Array(rows * file.dimensions);
  parts.reduce((offset, part) => (values.set(part, offset), offset + part.length), 0);
  return { rows, dimensions: file.dimensions, dtype: file.dtype, values, columns };
}
