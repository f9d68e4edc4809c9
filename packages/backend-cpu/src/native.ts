import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { asCpuAddon, type CpuAddon } from './addon.js';
import { detectLibc } from './libc.js';
import { explainLoadFailures, type LoadFailure } from './load-failure.js';
import { PACKAGE_VERSION } from './package-version.js';

const require = createRequire(import.meta.url);

export type LoadedAddon =
  | {
      readonly addon: CpuAddon;
      /** `'local'`: built on this machine or named by the environment. */
      readonly source: 'prebuilt' | 'local';
      /** What was tried before and did not work. */
      readonly failures: readonly LoadFailure[];
    }
  | {
      readonly addon: null;
      readonly failures: readonly LoadFailure[];
      /** What was tried, why each attempt failed, and the command that fixes it. */
      readonly explanation: string;
    };

/** Where the addon may come from; the defaults are what this process has. */
export interface AddonPlaces {
  /** `linux-x64-gnu`, `darwin-arm64`. */
  readonly platform: string;
  /** Value of `GEARSHIFT_CPU_ADDON`: the path of an addon that is tried first. */
  readonly override: string | undefined;
  /** Folder with what `build-native` made, one folder per platform. */
  readonly prebuildsFolder: string;
  readonly loadPlatformPackage: (platform: string) => unknown;
}

/**
 * Finds and loads the native addon: the path in `GEARSHIFT_CPU_ADDON`, then what was built on this machine, then the
 * platform package. Never throws; every cause of failure is kept.
 */
export function loadAddon(places: Partial<AddonPlaces> = {}): LoadedAddon {
  const {
    platform = currentPlatform(),
    override = process.env['GEARSHIFT_CPU_ADDON'],
    prebuildsFolder = fileURLToPath(new URL('../prebuilds', import.meta.url)),
    loadPlatformPackage = requirePlatformPackage,
  } = places;
  const failures: LoadFailure[] = [];

  const attempt = (place: string, load: () => unknown): CpuAddon | null => {
    try {
      const checked = asCpuAddon(load(), PACKAGE_VERSION);
      if ('addon' in checked) return checked.addon;
      failures.push({ place, cause: checked.problem, isMissing: false });
    } catch (error) {
      failures.push({ place, cause: firstLine(error), isMissing: isModuleMissing(error) });
    }
    return null;
  };

  if (override !== undefined && override !== '') {
    const addon = attempt(`GEARSHIFT_CPU_ADDON=${override}`, () => requireFile(override));
    if (addon !== null) return { addon, source: 'local', failures };
  }
  const local = attempt('prebuilds', () => requireFile(`${prebuildsFolder}/${platform}/gearshift-cpu.node`));
  if (local !== null) return { addon: local, source: 'local', failures };
  const prebuilt = attempt(`@gearshift/backend-cpu-${platform}`, () => loadPlatformPackage(platform));
  if (prebuilt !== null) return { addon: prebuilt, source: 'prebuilt', failures };

  return { addon: null, failures, explanation: explainLoadFailures(platform, failures) };
}

/** `linux-x64-gnu`, `linux-arm64-musl`, `darwin-arm64`, `win32-x64`. */
export function currentPlatform(): string {
  const libc = detectLibc();
  return `${process.platform}-${process.arch}${libc === null ? '' : `-${libc}`}`;
}

/** The names are literal so that bundlers and file tracers see them. */
function requirePlatformPackage(platform: string): unknown {
  switch (platform) {
    case 'linux-x64-gnu':
      return require('@gearshift/backend-cpu-linux-x64-gnu/gearshift-cpu.node');
    default:
      throw new Error(`no prebuilt addon is published for ${platform}`);
  }
}

function requireFile(path: string): unknown {
  if (!existsSync(path)) throw Object.assign(new Error(`there is no file ${path}`), { code: 'MODULE_NOT_FOUND' });
  return require(path);
}

function isModuleMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'MODULE_NOT_FOUND';
}

/** Node appends the list of files that required a module; the first line says what happened. */
function firstLine(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split('\n', 1)[0];
}
