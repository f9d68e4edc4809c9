/** Entries that only packages of this repository may use. */
const INTERNAL = './internal';

/**
 * The sources of what users import from a package, by its `exports`.
 *
 * @param {{ exports: Record<string, string | { default: string }> }} manifest
 * @returns {string[]} relative to the package
 */
export function entryPoints(manifest) {
  return Object.entries(manifest.exports)
    .filter(([name, target]) => name !== INTERNAL && typeof target === 'object')
    .map(([, target]) => target.default.replace(/^\.\/dist\/(.+)\.js$/, 'src/$1.ts'));
}
