import type { InputFile } from './files/input-file.js';

/** More than any embedding has. It bounds the memory of one row. */
export const MAX_DIMENSIONS = 2 ** 20;

/** @throws FormatError unless it is a number of dimensions that a vector can have */
export function requireDimensions(file: InputFile, dimensions: number, offset?: number): number {
  if (dimensions >= 1 && dimensions <= MAX_DIMENSIONS) return dimensions;
  if (dimensions > MAX_DIMENSIONS) {
    throw file.error('too-large', `${dimensions} dimensions, expected at most ${MAX_DIMENSIONS}`, offset);
  }
  throw file.error('damaged', `${dimensions} dimensions, expected at least one`, offset);
}
