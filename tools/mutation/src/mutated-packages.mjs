import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const ROOT = fileURLToPath(new URL('../../../', import.meta.url));

/** Those with decisions worth mutating, smallest first. */
const WANTED = ['telemetry', 'gearshift', 'tracker', 'splitter', 'policies', 'dispatcher'];

/** Folders in `packages/` that can be mutated. */
export const MUTATED_PACKAGES = WANTED.filter((name) => existsSync(join(ROOT, 'packages', name, 'package.json')));

/** The share of mutants that the tests of a package should find, in percent. */
export const GOAL_SCORE = 85;
