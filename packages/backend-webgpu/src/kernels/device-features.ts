/** Optional features of a device for which some kernels have a shorter form, with the same results. */
export interface DeviceFeatures {
  /** Lanes that exchange values without the memory of the workgroup, a power of two. Undefined without subgroups, or with short ones. */
  readonly subgroupLanes: number | undefined;
}

/** For kernels in their plain form. */
export const NO_FEATURES: DeviceFeatures = { subgroupLanes: undefined };
