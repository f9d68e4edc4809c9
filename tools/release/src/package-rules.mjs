/** The native code of a platform package. Without a compiler there is none. */
export const ADDON = /^gearshift-(cpu|cuda)\.node$/;
const CODE = /^dist\/[\w/-]+\.(js|d\.ts)$/;

/** The line of `src/package-version.ts` with the version of the package. */
export const VERSION_IN_CODE = /^export const PACKAGE_VERSION = '(.+)';$/m;

/** What packages have beyond code. */
const DATA = { '@gearshift/telemetry': ['monitoring/alerts.yml', 'monitoring/dashboard.json'] };

/** Files of a packed package that nobody asked for. */
export function unlistedFiles({ name, files, isPlatform }) {
  const listed = ['LICENSE', 'README.md', 'package.json', ...(DATA[name] ?? [])];
  const code = isPlatform ? ADDON : CODE;
  return files.filter((file) => !listed.includes(file) && !code.test(file));
}

/** What would run when it is installed. npm compiles by itself where it sees a binding.gyp. */
export function installScripts({ files, manifest }) {
  return [
    ...Object.keys(manifest.scripts ?? {}),
    ...files.filter((file) => file.endsWith('binding.gyp')),
    ...(manifest.gypfile === undefined ? [] : ['gypfile']),
  ];
}
