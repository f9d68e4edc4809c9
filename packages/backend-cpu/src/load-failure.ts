/** One attempt to load the addon that did not work. */
export interface LoadFailure {
  /** What was tried: an environment setting, a folder or a package. */
  readonly place: string;
  readonly cause: string;
  /** Nothing was there, as opposed to something that did not load. */
  readonly isMissing: boolean;
}

/** Platforms for which a package with the addon is published. */
const PUBLISHED_PLATFORMS: readonly string[] = ['linux-x64-gnu'];

/** What was tried, why each attempt failed, and the command that fixes it, one line each. */
export function explainLoadFailures(platform: string, failures: readonly LoadFailure[]): string {
  const attempts = failures.map(({ place, cause }) => `  - ${place}: ${cause}`);
  return [`The CPU addon of Gearshift was not loaded on ${platform}:`, ...attempts, adviseOn(platform, failures)].join(
    '\n',
  );
}

function adviseOn(platform: string, failures: readonly LoadFailure[]): string {
  const packageName = `@gearshift/backend-cpu-${platform}`;
  const broken = failures.find(({ isMissing, cause }) => !isMissing && cause.startsWith('it was built for'));
  if (broken !== undefined) {
    return `To fix it, bring both packages to one version: npm install @gearshift/backend-cpu@latest`;
  }
  if (!PUBLISHED_PLATFORMS.includes(platform)) {
    return 'There is no prebuilt addon for this platform: build it from the repository with "npx nx run @gearshift/backend-cpu:build-native" and name the file in GEARSHIFT_CPU_ADDON.';
  }
  return `To fix it, install with optional dependencies: npm install ${packageName} --include=optional (in the repository: npx nx run @gearshift/backend-cpu:build-native)`;
}
