// npm start [-- ARGS of `gearshift search`] [--verbose]: from a fresh clone to an answered query. Standard output contains only the
// answer. Each step prints one line on standard error; the whole output of a step comes only when it fails, or with --verbose.
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { log } from './log.mjs';
import { runNx } from './run-nx.mjs';
import { searchArguments } from './search-arguments.mjs';
import { setUp } from './set-up.mjs';
import { listProjects, ROOT } from './workspace.mjs';

const given = process.argv.slice(2);
const output = given.includes('--verbose') ? 'stderr' : 'on-failure';

await setUp({ output });
log('Building (what did not change comes from the cache) ...');
const projects = ['@gearshift/cli', ...nativeProjects()].join(',');
if ((await runNx(['run-many', '--targets=build,build-native', `--projects=${projects}`], { output })) !== 0) {
  log('The build failed; the reason is above.');
  process.exit(1);
}
log('Searching ...');
const child = spawn(
  process.execPath,
  [join(ROOT, 'packages/cli/dist/main.js'), 'search', ...searchArguments(given.filter((arg) => arg !== '--verbose'))],
  {
    stdio: 'inherit',
    // npm starts scripts in the root of the repository, but the user's paths are relative to the user's folder.
    cwd: process.env['INIT_CWD'] ?? process.cwd(),
  },
);
// The child gets Ctrl-C too; this process waits for it, so that its exit code is the one that counts.
process.on('SIGINT', () => undefined);
process.on('SIGTERM', () => child.kill('SIGTERM'));
child.on('close', (code, signal) => {
  process.exitCode = code ?? (signal === 'SIGINT' ? 130 : 1);
});

function nativeProjects() {
  return listProjects()
    .filter(({ manifest }) => manifest.nx?.targets?.['build-native'] !== undefined)
    .map(({ manifest }) => manifest.name);
}
