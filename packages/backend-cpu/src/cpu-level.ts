import { err, ok, type Result } from '@gearshift/contracts';
import { expected } from '@gearshift/contracts/internal';
import type { AddonLevel } from './addon.js';

/** Instruction-set levels, of every platform; `'typescript'` is the implementation without the addon. */
export const CPU_LEVELS = ['avx512', 'avx2', 'neon', 'portable', 'typescript'] as const;
export type CpuLevel = (typeof CPU_LEVELS)[number];

export interface ChosenLevel {
  /** Index into the list of levels. */
  readonly index: number;
  readonly name: string;
  /** CPU features that are used beyond those that the level requires. */
  readonly features: readonly string[];
  /** Why each better level is not used. */
  readonly limitations: readonly string[];
}

/**
 * The level to run at: exactly `wanted` if it is given, else the best level of the CPU that `cap` allows. The error is the
 * reason why `wanted` is not available.
 *
 * @param levels best first
 */
export function chooseLevel(
  levels: readonly AddonLevel[],
  wanted: CpuLevel | undefined,
  cap: CpuLevel | undefined,
): Result<ChosenLevel, string> {
  const capIndex = Math.max(
    0,
    levels.findIndex(({ name }) => name === cap),
  );
  const index =
    wanted === undefined
      ? levels.findIndex(({ missing }, position) => position >= capIndex && missing === '')
      : levels.findIndex(({ name }) => name === wanted);
  if (index === -1) {
    const built = levels.map(({ name }) => name).join(', ');
    return err(`the level ${wanted ?? 'of this CPU'} is not part of this build, which has ${built}`);
  }
  const { name, missing, features } = levels[index];
  if (missing !== '') return err(`the level ${name} needs CPU features that this CPU lacks: ${missing}`);
  const limitations = levels.slice(0, index).map((better, position) => {
    if (better.missing !== '') return `${better.name} is not used: the CPU lacks ${better.missing}`;
    if (wanted !== undefined) return `${better.name} is not used: the level ${wanted} was asked for`;
    return position < capIndex ? `${better.name} is not used: GEARSHIFT_CPU_LEVEL is ${String(cap)}` : better.name;
  });
  return ok({ index, name, features: features.split(' ').filter((feature) => feature !== ''), limitations });
}

/** A level from an option or the environment; empty counts as not given. */
export function readLevel(source: string, value: string | undefined): CpuLevel | undefined {
  if (value === undefined || value === '') return undefined;
  const level = CPU_LEVELS.find((name) => name === value);
  if (level === undefined) throw new RangeError(expected(source, `one of ${CPU_LEVELS.join(', ')}`, value));
  return level;
}
