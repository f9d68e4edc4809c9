import { expected } from '@gearshift/contracts/internal';

export function requireFolder(folder: unknown): asserts folder is string {
  if (typeof folder !== 'string' || folder === '') {
    throw new TypeError(expected('folder', 'the path of a folder', folder));
  }
}
