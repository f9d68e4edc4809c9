import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { asCudaAddon, type CudaAddon } from './addon.js';
import { detectLibc } from './libc.js';
import { PACKAGE_VERSION } from './package-version.js';

const require = createRequire(import.meta.url);

export type LoadedAddon =
  | { readonly addon: CudaAddon; /** `'local'`: built on this machine. */ readonly source: 'prebuilt' | 'local' }
  | { readonly addon: null; /** What was tried, why it failed, and what to do. */ readonly explanation: string };

/** Where the addon may come from; the defaults are what this process has. */
export interface AddonPlaces {
  /** `linux-x64-gnu`, `darwin-arm64`. */
  readonly platform: string;
  /** Value of `GEARSHIFT_CUDA_ADDON`: the path of an addon that is tried first. */
  readonly override: string | undefined;
  /** Folder with what `build-native` made, one folder per platform. */
  readonly prebuildsFolder: string;
  readonly loadPlatformPackage: (platform: string) => unknown;
}

/**
 * Finds and loads the native addon: the path in `GEARSHIFT_CUDA_ADDON`, then what was built on this machine, then the
 * platform package. Never throws. Loading it touches no driver.
 */
export function loadAddon(places: Partial<AddonPlaces> = {}): LoadedAddon {
  const {
    platform = currentPlatform(),
    override = process.env['GEARSHIFT_CUDA_ADDON'],
    prebuildsFolder = fileURLToPath(new URL('../prebuilds', import.meta.url)),
    loadPlatformPackage = requirePlatformPackage,
  } = places;
  const failures: string[] = [];

  const attempt = (place: string, load: () => unknown): CudaAddon | null => {
    try {
      const checked = asCudaAddon(load(), PACKAGE_VERSION);
      if ('addon' in checked) return checked.addon;
      failures.push(`  - ${place}: ${checked.problem}`);
    } catch (error) {
      failures.push(`  - ${place}: ${firstLine(error)}`);
    }
    return null;
  };

  if (override !== undefined && override !== '') {
    const addon = attempt(`GEARSHIFT_CUDA_ADDON=${override}`, () => requireFile(override));
    if (addon !== null) return { addon, source: 'local' };
  }
  const local = attempt('prebuilds', () => requireFile(`${prebuildsFolder}/${platform}/gearshift-cuda.node`));
  if (local !== null) return { addon: local, source: 'local' };
  const prebuilt = attempt(`@gearshift/backend-cuda-${platform}`, () => loadPlatformPackage(platform));
  if (prebuilt !== null) return { addon: prebuilt, source: 'prebuilt' };
  return { addon: null, explanation: explain(platform, failures) };
}

/** Platforms for which a package with the addon is published. */
const PUBLISHED_PLATFORMS: readonly string[] = ['linux-x64-gnu'];

function explain(platform: string, failures: readonly string[]): string {
  const advice = PUBLISHED_PLATFORMS.includes(platform)
    ? `To fix it, install with optional dependencies: npm install @gearshift/backend-cuda-${platform} --include=optional (in the repository, with a CUDA toolkit: npx nx run @gearshift/backend-cuda:build-native)`
    : 'There is no CUDA addon for this platform.';
  return [`The CUDA addon of Gearshift was not loaded on ${platform}:`, ...failures, advice].join('\n');
}

function currentPlatform(): string {
  const libc = detectLibc();
  return `${process.platform}-${process.arch}${libc === null ? '' : `-${libc}`}`;
}

/** The names are literal so that bundlers and file tracers see them. */
function requirePlatformPackage(platform: string): unknown {
  switch (platform) {
    case 'linux-x64-gnu':
      return require('@gearshift/backend-cuda-linux-x64-gnu/gearshift-cuda.node');
    default:
      throw new Error(`no addon is published for ${platform}`);
  }
}

function requireFile(path: string): unknown {
  if (!existsSync(path)) throw new Error(`there is no file ${path}`);
  return require(path);
}

/** Node appends the list of files that required a module; the first line says what happened. */
function firstLine(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split('\n', 1)[0];
}
