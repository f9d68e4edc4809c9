/** An addon as its package describes it. */
export interface AddonPackage {
  /** For messages: `CPU`. */
  readonly title: string;
  /** `@gearshift/backend-cpu`. The names of its platform packages end with the platform. */
  readonly packageName: string;
  /** `gearshift-cpu.node`. */
  readonly fileName: string;
  /** Name of the environment variable with the path of an addon that is tried first. */
  readonly overrideVariable: string;
  /** Version and interface that the addon must have been built for. */
  readonly version: string;
  readonly abi: number;
  /**
   * Folder with the output of `build-native`, one folder per platform. The package derives it from its own place, so that a bundled
   * program searches next to itself and not next to this package.
   */
  readonly prebuilds: URL;
  /** Folders in which a bundle finds the addon when it was copied next to the bundle. Default: none. */
  readonly bundleFolders?: readonly string[];
  /**
   * Requires the platform package, for each platform that has one. Not with a plain `require`, which webpack would follow into the
   * addon.
   */
  readonly platformPackages: Readonly<Record<string, () => unknown>>;
  /** Build requirements besides a C++ compiler: `a CUDA toolkit`. */
  readonly buildNeeds?: string;
  /** Advice for platforms without a package. */
  readonly adviceElsewhere: string;
}
