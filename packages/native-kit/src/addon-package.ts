/** An addon as its package describes it. */
export interface AddonPackage {
  /** For messages: `CPU`. */
  readonly title: string;
  /** `@gearshift/backend-cpu`. Its platform packages have the platform's name behind it. */
  readonly packageName: string;
  /** `gearshift-cpu.node`. */
  readonly fileName: string;
  /** Name of the environment variable with the path of an addon that is tried first. */
  readonly overrideVariable: string;
  /** Version and interface that the addon must have been built for. */
  readonly version: string;
  readonly abi: number;
  /**
   * Folder with what `build-native` made, one folder per platform. The package makes it from its own `import.meta.url`, so
   * that a bundled program looks beside itself and not beside this package.
   */
  readonly prebuilds: URL;
  /**
   * Requires the platform package, for each platform that has one. The package names it literally, so that bundlers and
   * file tracers see it.
   */
  readonly platformPackages: Readonly<Record<string, () => unknown>>;
  /** What building it takes besides a C++ compiler: `a CUDA toolkit`. */
  readonly buildNeeds?: string;
  /** What to do on platforms without a package. */
  readonly adviceElsewhere: string;
}
