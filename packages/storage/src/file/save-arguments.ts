import { fileURLToPath } from 'node:url';
import { expected, optionNames, readOptions, requireSignal } from '@gearshift/contracts/internal';

export interface SaveOptions {
  readonly signal?: AbortSignal | undefined;
}

const SAVE_OPTIONS = optionNames<SaveOptions>({ signal: true });

/** The checked options of `save`. */
export function readSaveOptions(options: SaveOptions | undefined): SaveOptions {
  const given = readOptions('options', options, SAVE_OPTIONS);
  requireSignal('signal', given.signal);
  return given;
}

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
