import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/**
 * A benchmark suite is a file in `suites/` with a `Suite` as its default export.
 *
 * @typedef {{ title: string, columns: string[], rows: unknown[][] }} Table
 * @typedef {{ id: string, target: string, measured: string | number, pass: boolean | null, note?: string }} Goal
 *   `id` as in the list of targets (P1, D2...); `pass` is null when this machine cannot tell, with the reason in `note`.
 * @typedef {{ tables: Table[], goals: Goal[] }} Outcome
 * @typedef {{ name: string, description: string,
 *   run: (options: { quick: boolean, log: (message: string) => void }) => Promise<Outcome> }} Suite
 *   `quick` requests a run of seconds that executes every line; its figures mean nothing. `log` prints progress.
 */

const FOLDER = new URL('./suites/', import.meta.url);

/** @returns {string[]} the names of the suites there are, sorted */
export function listSuites() {
  return readdirSync(fileURLToPath(FOLDER))
    .filter((file) => file.endsWith('.mjs'))
    .map((file) => file.slice(0, -'.mjs'.length))
    .sort();
}

/**
 * @param {string} name one of `listSuites()`
 * @returns {Promise<Suite>}
 */
export async function loadSuite(name) {
  return (await import(new URL(`${name}.mjs`, FOLDER).href)).default;
}
