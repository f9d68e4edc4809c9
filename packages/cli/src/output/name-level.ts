import type { BackendDescription } from 'gearshift';

/** The instruction-set level of a CPU and the features that are used beyond it; undefined for other devices. */
export function nameLevel({ level, features = [] }: BackendDescription): string | undefined {
  return level === undefined ? undefined : [level, ...features].join(' + ');
}
