import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';

/** Removes what CMake left in a build folder if that was somewhere else: it refuses a folder that was moved or copied. */
export function forgetMovedBuild(build) {
  let cache;
  try {
    cache = readFileSync(join(build, 'CMakeCache.txt'), 'utf8');
  } catch {
    return;
  }
  const [, madeIn] = /^CMAKE_CACHEFILE_DIR:INTERNAL=(.*)$/m.exec(cache) ?? [];
  if (madeIn !== undefined && madeIn !== build.replaceAll('\\', '/')) {
    for (const name of ['CMakeCache.txt', 'CMakeFiles']) rmSync(join(build, name), { recursive: true, force: true });
  }
}
