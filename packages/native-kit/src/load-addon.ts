import { existsSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { isError, requireFrom } from '@gearshift/contracts/internal';
import type { AddonModule } from './addon-entries.js';
import type { AddonPackage } from './addon-package.js';
import { AddonPathError } from './addon-path-error.js';
import { explainLoadFailures, type LoadFailure } from './load-failure.js';
import { currentPlatform } from './platform.js';

/** Where to look for an addon; the defaults are those of this process. */
export interface AddonPlaces {
  /** `linux-x64-gnu`, `darwin-arm64`. */
  readonly platform: string;
  /** Value of the environment variable. */
  readonly override: string | undefined;
  readonly prebuildsFolder: string;
  readonly loadPlatformPackage: (platform: string) => unknown;
}

export type LoadedAddon<Addon> =
  | {
      readonly addon: Addon;
      /** `'local'`: built on this machine or named by the environment. */
      readonly source: 'prebuilt' | 'local';
      /** Earlier attempts that failed. */
      readonly failures: readonly LoadFailure[];
    }
  | {
      readonly addon: null;
      readonly failures: readonly LoadFailure[];
      /** Every attempt, why it failed, and the command that fixes it. */
      readonly explanation: string;
    };

/**
 * Finds and loads a native addon: the path in the environment, then a build on this machine, then the platform package. Every cause
 * of failure is kept.
 *
 * @param asAddon casts to the type of the addon, after a check of its version and interface
 * @throws AddonPathError when the environment names a file that is not this addon. Another addon would be a silent surprise.
 */
export function loadAddon<Addon>(
  wanted: AddonPackage,
  asAddon: (module: AddonModule) => Addon,
  places: Partial<AddonPlaces> = {},
): LoadedAddon<Addon> {
  const {
    platform = currentPlatform(),
    override = process.env[wanted.overrideVariable],
    prebuildsFolder = fileURLToPath(wanted.prebuilds),
    loadPlatformPackage = (name: string) => requirePlatformPackage(wanted, name),
  } = places;
  const failures: LoadFailure[] = [];
  let hasOtherVersion = false;

  const attempt = (place: string, load: () => unknown): AddonModule | null => {
    try {
      const module = load();
      if (!isAddonModule(module)) {
        failures.push({ place, cause: `it is not the ${wanted.title} addon of Gearshift`, isMissing: false });
        return null;
      }
      const problem = findProblem(wanted, module);
      if (problem === null) return module;
      hasOtherVersion ||= module.version !== wanted.version;
      failures.push({ place, cause: problem, isMissing: false });
    } catch (error) {
      failures.push({ place, cause: firstLine(error), isMissing: isModuleMissing(error) });
    }
    return null;
  };

  if (override !== undefined && override !== '') {
    const module = attempt(wanted.overrideVariable, () => requireFile(resolve(override)));
    if (module === null) throw new AddonPathError(wanted, override, failures[0].cause);
    return { addon: asAddon(module), source: 'local', failures };
  }
  const local = attempt('prebuilds', () => requireFile(`${prebuildsFolder}/${platform}/${wanted.fileName}`));
  if (local !== null) return { addon: asAddon(local), source: 'local', failures };
  for (const folder of wanted.bundleFolders ?? []) {
    const path = join(folder, wanted.fileName);
    const copied = existsSync(path) ? attempt(path, () => requireFile(path)) : null;
    if (copied !== null) return { addon: asAddon(copied), source: 'prebuilt', failures };
  }
  const prebuilt = attempt(`${wanted.packageName}-${platform}`, () => loadPlatformPackage(platform));
  if (prebuilt !== null) return { addon: asAddon(prebuilt), source: 'prebuilt', failures };

  return { addon: null, failures, explanation: explainLoadFailures(wanted, platform, failures, hasOtherVersion) };
}

function isAddonModule(module: unknown): module is AddonModule {
  return typeof module === 'object' && module !== null && 'abi' in module && 'version' in module;
}

function findProblem(wanted: AddonPackage, { version, abi }: AddonModule): string | null {
  if (version !== wanted.version) {
    return `it was built for version ${String(version)}, this package is version ${wanted.version}`;
  }
  if (abi !== wanted.abi) return `it has interface ${String(abi)}, this package needs interface ${wanted.abi}`;
  return null;
}

function requirePlatformPackage({ platformPackages }: AddonPackage, platform: string): unknown {
  if (!Object.hasOwn(platformPackages, platform)) throw new Error(`no addon is published for ${platform}`);
  return platformPackages[platform]();
}

function requireFile(path: string): unknown {
  if (!existsSync(path)) throw Object.assign(new Error(`there is no file ${path}`), { code: 'MODULE_NOT_FOUND' });
  if (statSync(path).isDirectory()) throw new Error(`it is a folder, not a file: ${path}`);
  return requireFrom([path], path);
}

function isModuleMissing(error: unknown): boolean {
  return isError(error, 'Error') && 'code' in error && error.code === 'MODULE_NOT_FOUND';
}

/** Only the first line, because Node appends the list of files that required a module. */
function firstLine(error: unknown): string {
  return (isError(error, 'Error') ? error.message : String(error)).split('\n', 1)[0];
}
