import type { AddonPackage } from './addon-package.js';

/** One attempt to load an addon that did not work. */
export interface LoadFailure {
  /** What was tried: an environment setting, a folder or a package. */
  readonly place: string;
  readonly cause: string;
  /** Nothing was there, as opposed to something that did not load. */
  readonly isMissing: boolean;
}

/** What was tried, why each attempt failed, and the command that fixes it, one line each. */
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

/** An addon that was there and did not load would have been preferred; a place without one is not worth a line. */
export function describeBrokenPlaces(failures: readonly LoadFailure[]): string[] {
  return failures.filter(({ isMissing }) => !isMissing).map(({ place, cause }) => `${place} did not load: ${cause}`);
}

function adviseOn(wanted: AddonPackage, platform: string, hasOtherVersion: boolean): string {
  const { packageName, platformPackages, buildNeeds, adviceElsewhere } = wanted;
  if (hasOtherVersion) {
    return `To fix it, bring both packages to one version: npm install ${packageName}@latest`;
  }
  if (!Object.hasOwn(platformPackages, platform)) return adviceElsewhere;
  const withTools = buildNeeds === undefined ? '' : `, with ${buildNeeds}`;
  return `To fix it, install with optional dependencies: npm install ${packageName}-${platform} --include=optional (in the repository${withTools}: npx nx run ${packageName}:build-native)`;
}
