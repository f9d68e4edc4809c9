import { fileURLToPath } from 'node:url';
import { expected } from '@gearshift/contracts/internal';

/** `value` as the path of a file. */
export function requirePath(name: string, value: unknown): string {
  if (typeof value === 'string') {
    if (value === '' || value.includes('\0')) throw new RangeError(expected(name, 'the path of a file', value));
    return value;
  }
  // A URL of another realm is one too.
  const { protocol, href } = (value ?? {}) as Partial<URL>;
  if (protocol === 'file:') return fileURLToPath(value as URL);
  if (href !== undefined) throw new RangeError(expected(name, 'a path or a file: URL', href));
  throw new TypeError(expected(name, 'the path of a file as a string or a file: URL', value));
}
