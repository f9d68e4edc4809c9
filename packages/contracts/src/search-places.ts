import { existsSync } from 'node:fs';
import Module from 'node:module';
import { isAbsolute } from 'node:path';
import { fileURLToPath } from 'node:url';

/**
 * Files from which a package searches for what no bundler includes, such as addons and optional packages: the module and the bundle
 * that contains it, and the program if neither exists.
 *
 * One of them is not enough. In a bundle `import.meta.url` may be undefined (esbuild, CommonJS) or the path of the source on the machine
 * that built it (webpack), and in an ES module there is no `__filename`.
 *
 * @param moduleUrl `import.meta.url` of the module
 */
export function searchPlaces(moduleUrl: string | undefined): string[] {
  const places = [...new Set([pathOf(moduleUrl), pathOfBundle()])].filter(isPath);
  if (places.some((place) => existsSync(place))) return places;
  return [...places, process.argv.at(1)].filter(isPath);
}

/**
 * Requires a package from the first place that finds it.
 *
 * A bundler cannot follow this call, and must not: webpack would parse an addon as JavaScript, and fail.
 */
export function requireFrom(places: readonly string[], name: string): unknown {
  const path = resolveFrom(places, name);
  // As a method, because webpack evaluates calls of an imported `createRequire`.
  if (path !== undefined) return Module.createRequire(path)(path);
  throw Object.assign(new Error(`Cannot find module '${name}' from ${places.join(' or ')}`), {
    code: 'MODULE_NOT_FOUND',
  });
}

/** The path of a package from the first place that finds it, without loading it; undefined if none does. */
export function resolveFrom(places: readonly string[], name: string): string | undefined {
  for (const place of places) {
    try {
      return Module.createRequire(place).resolve(name);
    } catch {
      // The next place may find it.
    }
  }
  return undefined;
}

function isPath(place: string | undefined): place is string {
  return place !== undefined && isAbsolute(place);
}

/** Not with `typeof`, which webpack replaces by `'string'` in ES modules too, where the variable does not exist. */
function pathOfBundle(): string | undefined {
  try {
    return __filename;
  } catch {
    return undefined;
  }
}

function pathOf(url: string | undefined): string | undefined {
  try {
    return url === undefined ? undefined : fileURLToPath(url);
  } catch {
    return undefined; // not a file
  }
}
