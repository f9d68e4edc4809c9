import { realpath, stat } from 'node:fs/promises';
import { isAbsolute, relative, resolve, sep } from 'node:path';

/**
 * The file below the root that an order names. Neither `..` nor a link leads out of the root.
 *
 * @returns its real path; or why it is refused
 */
export async function fileBelow(
  root: string,
  path: string,
): Promise<{ readonly path: string } | { readonly problem: string }> {
  if (path === '' || path.includes('\0') || isAbsolute(path)) return { problem: 'expected a path below the data root' };
  try {
    const realRoot = await realpath(root);
    if (leads(realRoot, resolve(realRoot, path))) return { problem: 'the path leads out of the data root' };
    const realFile = await realpath(resolve(realRoot, path));
    if (leads(realRoot, realFile)) return { problem: 'a link in the path leads out of the data root' };
    if (!(await stat(realFile)).isFile()) return { problem: 'the path is not that of a file' };
    return { path: realFile };
  } catch (error) {
    return { problem: `there is no such file: ${String((error as NodeJS.ErrnoException).code)}` };
  }
}

/** Whether a path is outside of the root, or the root itself. */
function leads(root: string, path: string): boolean {
  const from = relative(root, path);
  return from === '' || from === '..' || from.startsWith(`..${sep}`) || isAbsolute(from);
}
