import { join } from 'node:path';
import { ROOT } from './workspace.mjs';

const DEFAULT_QUERY = 'what happens when the GPU runs out of memory';
const DEFAULT_K = '3';

/**
 * The arguments of `gearshift search` for `npm start`. Without a folder or vectors, it searches the repository's own documentation
 * for a question that it answers, and shows few results; the API reference of `npm run docs` is left out.
 *
 * @param {readonly string[]} given
 * @returns {readonly string[]}
 */
export function searchArguments(given) {
  const has = (/** @type {string[]} */ ...names) =>
    given.some((arg) => names.some((name) => arg === name || arg.startsWith(`${name}=`)));
  if (has('--help', '-h', '--dir', '-d', '--vectors', '--query-vectors')) return given;
  const question = has('--query', '-q') ? [] : ['--query', DEFAULT_QUERY];
  const count = has('--k', '-k') ? [] : ['--k', DEFAULT_K];
  return ['--dir', join(ROOT, 'docs'), '--exclude', 'api', ...question, ...count, ...given];
}
