import { pathToFileURL } from 'node:url';
import { resolve } from 'node:path';
import type { DispatchPolicy } from '@gearshift/contracts';
import { adaptive } from './adaptive.js';
import { alwaysCpu, alwaysGpu } from './always.js';
import type { Contender } from './contender.js';
import { fixedThreshold } from './fixed-threshold.js';
import { history } from './history.js';
import { movingAverage } from './moving-average.js';
import { originalAsCoded, originalAsIntended } from './original.js';

/** In the order of tables. */
export const CONTENDERS: readonly Contender[] = [
  adaptive,
  alwaysCpu,
  alwaysGpu,
  originalAsCoded,
  originalAsIntended,
  fixedThreshold,
  history,
  movingAverage,
];

/**
 * A contender of the lab by its name, or a policy from a module.
 *
 * @param nameOrPath name, or path of a module with a default export, or one exported function, that creates a policy without arguments.
 * @throws Error when it is neither.
 */
export async function findContender(nameOrPath: string): Promise<Contender> {
  const known = CONTENDERS.find(({ name }) => name === nameOrPath);
  if (known !== undefined) return known;
  if (!/[./\\]/.test(nameOrPath)) {
    const names = CONTENDERS.map(({ name }) => name).join(', ');
    throw new Error(`policy: expected one of ${names}, or the path of a module, got '${nameOrPath}'`);
  }
  const exported = (await import(pathToFileURL(resolve(nameOrPath)).href)) as Readonly<Record<string, unknown>>;
  const functions = Object.values(exported).filter((value) => typeof value === 'function');
  const make = (exported['default'] ?? (functions.length === 1 ? functions[0] : undefined)) as unknown;
  if (typeof make !== 'function') throw new Error(`${nameOrPath}: expected a default export that makes a policy`);
  const factory = make as () => DispatchPolicy;
  const { name } = factory();
  return { name, description: `the policy of ${nameOrPath}`, create: () => ({ policy: factory() }) };
}
