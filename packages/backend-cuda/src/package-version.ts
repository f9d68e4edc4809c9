import { createRequire } from 'node:module';

/** Version of this package, from its package.json: one level up from `src` and from `dist` alike. */
export const PACKAGE_VERSION: string = readVersion();

function readVersion(): string {
  const manifest: unknown = createRequire(import.meta.url)('../package.json');
  if (typeof manifest !== 'object' || manifest === null || !('version' in manifest)) return 'unknown';
  return String(manifest.version);
}
