import type { BackendDescription } from '@gearshift/contracts';

/**
 * What the bits of scores depend on: the instruction-set level and the version of what computes. Equal rows of two shards tie only if
 * both were computed alike, so a cluster has one profile.
 */
export function profileOf({ level, source, version }: BackendDescription): string {
  return `${level ?? source} ${version}`;
}
