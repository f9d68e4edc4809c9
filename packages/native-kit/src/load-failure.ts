import type { AddonPackage } from './addon-package.js';

/** One failed attempt to load an addon. */
export interface LoadFailure {
  /** Where the addon was expected: an environment setting, a folder or a package. */
  readonly place: string;
  readonly cause: string;
  /** The file or package does not exist, in contrast to one that failed to load. */
  readonly isMissing: boolean;
}

/** Every attempt, why it failed, and the command that fixes it, one line each. */
export function explainLoadFailures(
  wanted: AddonPackage,
  platform: string,
  failures: readonly LoadFailure[],
  hasOtherVersion: boolean,
): string {
  return [
    `The ${wanted.title} addon of Gearshift was not loaded on ${platform}:`,
    ...failures.map(({ place, cause }) => `  - ${place}: ${cause}`),
    adviseOn(wanted, platform, hasOtherVersion),
  ].join('\n');
}

/** Reports only addons that exist and failed to load; a place without an addon is not reported. */
export function describeBrokenPlaces(failures: readonly LoadFailure[]): string[] {
  return failures.filter(({ isMissing }) => !isMissing).map(({ place, cause }) => `${place} did not load: ${cause}`);
}

function adviseOn(wanted: AddonPackage, platform: string, hasOtherVersion: boolean): string {
  const { packageName, fileName, platformPackages, buildNeeds, adviceElsewhere } = wanted;
  if (hasOtherVersion) {
    return `To fix it, bring both packages to one version: npm install ${packageName}@latest`;
  }
  if (!Object.hasOwn(platformPackages, platform)) return adviceElsewhere;
  const withTools = buildNeeds === undefined ? '' : `, with ${buildNeeds}`;
  return `To fix it, install with optional dependencies: npm install ${packageName}-${platform} --include=optional (in the repository${withTools}: npx nx run ${packageName}:build-native; for a bundle, copy ${fileName} next to it)`;
}
