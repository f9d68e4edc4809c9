type Values = Pick<Float32Array, 'buffer' | 'byteOffset' | 'byteLength'>;

/** @throws RangeError when the output overlaps an input: a kernel would read what it has just written. */
export function requireDisjoint(name: string, output: Values, input: Values): void {
  if (
    output.buffer === input.buffer &&
    output.byteOffset < input.byteOffset + input.byteLength &&
    input.byteOffset < output.byteOffset + output.byteLength
  ) {
    throw new RangeError(`${name}: expected memory of its own, got memory that it shares with another array`);
  }
}
