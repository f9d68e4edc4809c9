import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';

/** Removes a build folder that CMake made somewhere else: it refuses one that was moved or copied with its checkout. */
export function forgetMovedBuild(build) {
  let cache;
  try {
    cache = readFileSync(join(build, 'CMakeCache.txt'), 'utf8');
  } catch {
    return;
  }
  const [, madeIn] = /^CMAKE_CACHEFILE_DIR:INTERNAL=(.*)$/m.exec(cache) ?? [];
  if (madeIn !== undefined && madeIn !== build.replaceAll('\\', '/')) rmSync(build, { recursive: true, force: true });
}
