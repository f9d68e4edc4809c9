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
   * Folder with the output of `build-native`, one folder per platform. The package derives it from its own `import.meta.url`, so
   * that a bundled program searches next to itself and not next to this package.
   */
  readonly prebuilds: URL;
  /**
   * Requires the platform package, for each platform that has one. The name is a literal, so that bundlers and file tracers
   * find it.
   */
  readonly platformPackages: Readonly<Record<string, () => unknown>>;
  /** Build requirements besides a C++ compiler: `a CUDA toolkit`. */
  readonly buildNeeds?: string;
  /** Advice for platforms without a package. */
  readonly adviceElsewhere: string;
}
