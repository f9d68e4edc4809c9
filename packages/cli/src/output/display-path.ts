import { isAbsolute, relative, sep } from 'node:path';

/** `path` relative to the working directory if it is inside it, otherwise unchanged. Can be opened in both cases. */
export function displayPath(path: string, workingDirectory = process.cwd()): string {
  const short = relative(workingDirectory, path);
  if (short === '') return '.';
  return short === '..' || short.startsWith(`..${sep}`) || isAbsolute(short) ? path : short;
}
