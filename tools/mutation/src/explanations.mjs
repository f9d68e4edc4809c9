import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const FOLDER = fileURLToPath(new URL('../explanations/', import.meta.url));

/** In these files every survivor needs its own explanation; elsewhere a group may share one. */
const ONE_BY_ONE = /(^|[/-])(breaker|failures?|memory|protocol|verification)([/.-]|$)/;

/**
 * Why mutants of a package may survive, from `tools/mutation/explanations/PACKAGE.json`.
 *
 * @typedef {{ survivors: Record<string, string>, groups: { files: string, mutator?: string, why: string }[] }} Explanations `survivors`: by
 *   the key of the survivor; `groups`: for all survivors in files with this path prefix, optionally of one mutator only
 * @param {string} name
 * @returns {Explanations}
 */
export function readExplanations(name) {
  const file = `${FOLDER}${name}.json`;
  const { survivors = {}, groups = [] } = existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : {};
  return { survivors, groups };
}

/**
 * @param {string} file
 * @param {{ key: string, mutator: string }} survivor
 * @param {Explanations} explanations
 * @returns {string | null} null without an explanation
 */
export function explain(file, { key, mutator }, { survivors, groups }) {
  if (Object.hasOwn(survivors, key)) return survivors[key];
  if (ONE_BY_ONE.test(file)) return null;
  const group = groups.find((each) => file.startsWith(each.files) && (each.mutator ?? mutator) === mutator);
  return group?.why ?? null;
}

/**
 * Explanations of survivors that no longer exist.
 *
 * @param {Explanations} explanations
 * @param {ReadonlySet<string>} keys of all survivors
 */
export function staleExplanations({ survivors }, keys) {
  return Object.keys(survivors).filter((key) => !keys.has(key));
}
