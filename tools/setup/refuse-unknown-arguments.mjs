import { log } from './log.mjs';

/**
 * Ends the process with exit code 2 when a root command got an argument that it does not have: a misspelt one would be ignored.
 *
 * @param {readonly string[]} given
 * @param {readonly string[]} known
 */
export function refuseUnknownArguments(given, known) {
  const unknown = given.find((arg) => !known.includes(arg));
  if (unknown === undefined) return;
  log(`unknown argument '${unknown}'; expected ${known.length === 0 ? 'none' : known.join(', ')}`);
  process.exit(2);
}
