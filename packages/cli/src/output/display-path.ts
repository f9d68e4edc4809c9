import { isAbsolute, relative, sep } from 'node:path';

/** `path` relative to the working directory where it lies inside it, else as it is: short, and valid to open. */
export function displayPath(path: string, workingDirectory = process.cwd()): string {
  const short = relative(workingDirectory, path);
  if (short === '') return '.';
  return short === '..' || short.startsWith(`..${sep}`) || isAbsolute(short) ? path : short;
}
