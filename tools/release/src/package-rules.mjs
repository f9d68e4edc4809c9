/** The native code of a platform package. Without a compiler there is none. */
export const ADDON = /^gearshift-(cpu|cuda)\.node$/;
const CODE = /^dist\/[\w/-]+\.(js|d\.c?ts)$/;

/** The line of `src/package-version.ts` with the version of the package. */
export const VERSION_IN_CODE = /^export const PACKAGE_VERSION = '(.+)';$/m;

/** Files of packages besides code. */
const DATA = { '@gearshift/telemetry': ['monitoring/alerts.yml', 'monitoring/dashboard.json'] };

/** Unexpected files of a packed package. */
export function unlistedFiles({ name, files, isPlatform }) {
  const listed = ['LICENSE', 'README.md', 'package.json', ...(DATA[name] ?? [])];
  const code = isPlatform ? ADDON : CODE;
  return files.filter((file) => !listed.includes(file) && !code.test(file));
}

/** Scripts that would run during the installation. npm also compiles when there is a binding.gyp. */
export function installScripts({ files, manifest }) {
  return [
    ...Object.keys(manifest.scripts ?? {}),
    ...files.filter((file) => file.endsWith('binding.gyp')),
    ...(manifest.gypfile === undefined ? [] : ['gypfile']),
  ];
}
