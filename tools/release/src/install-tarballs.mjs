import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/**
 * Installs packed packages with npm into an empty folder, like a user after a release. The packages of this repository that they
 * depend on come from the tarballs too, never from a registry.
 *
 * @param {readonly { name: string, tarball: string }[]} packed every package there is
 * @param {readonly string[]} wanted names of the packages that the user installs
 * @param {readonly string[]} [npmArgs] for example `--omit=optional`
 * @returns {string} the folder
 */
export function installTarballs(packed, wanted, npmArgs = []) {
  const folder = mkdtempSync(join(tmpdir(), 'gearshift-install-'));
  const references = packed.map(({ name, tarball }) => [name, `file:${tarball}`]);
  const manifest = {
    name: 'user-program',
    private: true,
    dependencies: Object.fromEntries(references.filter(([name]) => wanted.includes(name))),
    overrides: Object.fromEntries(references.filter(([name]) => !wanted.includes(name))),
  };
  writeFileSync(join(folder, 'package.json'), JSON.stringify(manifest));
  const args = [
    'install',
    '--ignore-scripts',
    '--no-audit',
    '--no-fund',
    '--prefer-offline',
    '--loglevel=error',
    ...npmArgs,
  ];
  execFileSync('npm', args, { cwd: folder, encoding: 'utf8', stdio: 'pipe', shell: process.platform === 'win32' });
  return folder;
}

/**
 * Runs one of the smoke programs in that folder, as an ES module and as CommonJS.
 *
 * @param {string} folder
 * @param {string} from what is imported
 * @param {string} names of its exports
 * @param {string} body calls `print` with one value
 * @param {string} [node]
 * @returns {[unknown, unknown]} that value of both
 */
export function runBoth(folder, from, names, body, node) {
  const main = `(async () => { const print = (value) => console.log(JSON.stringify(value)); ${body} })();`;
  return [
    runProgram(folder, 'esm', `import { ${names} } from '${from}';\n${main}`, node),
    runProgram(folder, 'cjs', `const { ${names} } = require('${from}');\n${main}`, node),
  ];
}

/**
 * Runs a program in that folder.
 *
 * @param {string} folder
 * @param {'esm' | 'cjs'} kind
 * @param {string} code prints one JSON value
 * @param {string} [node] another Node.js than the one that runs
 * @returns {any} that value; throws with what the program printed when it failed or wrote anything to standard error
 */
export function runProgram(folder, kind, code, node = process.execPath) {
  const file = join(folder, kind === 'esm' ? 'program.mjs' : 'program.cjs');
  writeFileSync(file, code);
  // Removed because launchers of package managers set it, and with it every package of this workspace could be resolved.
  // Machines without a compiler have no addon, and these programs check other things than the warning about it.
  const env = { ...process.env, GEARSHIFT_NO_WARNINGS: '1' };
  delete env['NODE_PATH'];
  const { status, stdout, stderr } = spawnSync(node, [file], { cwd: folder, encoding: 'utf8', env });
  if (status !== 0 || stderr !== '') throw new Error(`the ${kind} program ended with ${status}:\n${stderr}${stdout}`);
  return JSON.parse(stdout);
}
