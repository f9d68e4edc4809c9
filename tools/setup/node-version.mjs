import { readRootManifest } from './workspace.mjs';

/**
 * Whether this Node can run the workspace: the reason why not, or null.
 *
 * @param {string} [version] like 'v20.19.0'
 * @param {string} [range] like '>=20.19'; the only form that `engines.node` takes here
 */
export function nodeVersionProblem(version = process.version, range = readRootManifest().engines.node) {
  const wanted = range.replace('>=', '').split('.').map(Number);
  const found = version.replace('v', '').split('.').map(Number);
  for (let place = 0; place < wanted.length; place++) {
    if (found[place] > wanted[place]) return null;
    if (found[place] < wanted[place]) {
      return `Gearshift needs Node ${range}; this is Node ${version}. Get a newer one from https://nodejs.org or with 'nvm install 22'.`;
    }
  }
  return null;
}
