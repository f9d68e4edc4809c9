// npm start [-- ARGS of `gearshift search`]: from a fresh clone to an answered query. Standard output contains only the answer.
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { log } from './log.mjs';
import { runNx } from './run-nx.mjs';
import { setUp } from './set-up.mjs';
import { listProjects, ROOT } from './workspace.mjs';

const DEFAULT_QUERY = 'what happens when the GPU runs out of memory';

await setUp();
log('Building (what did not change comes from the cache) ...');
const projects = ['@gearshift/cli', ...nativeProjects()].join(',');
if ((await runNx(['run-many', '--targets=build,build-native', `--projects=${projects}`])) !== 0) {
  log('The build failed; the reason is above.');
  process.exit(1);
}
const child = spawn(
  process.execPath,
  [join(ROOT, 'packages/cli/dist/main.js'), 'search', ...searchArguments(process.argv.slice(2))],
  {
    stdio: 'inherit',
    // npm starts scripts in the root of the repository, but the user's paths are relative to the user's folder.
    cwd: process.env['INIT_CWD'] ?? process.cwd(),
  },
);
// The child gets Ctrl-C too; this process waits for it, so that its exit code is the one that counts.
process.on('SIGINT', () => undefined);
child.on('close', (code, signal) => {
  process.exitCode = code ?? (signal === 'SIGINT' ? 130 : 1);
});

function nativeProjects() {
  return listProjects()
    .filter(({ manifest }) => manifest.nx?.targets?.['build-native'] !== undefined)
    .map(({ manifest }) => manifest.name);
}

/** Default arguments: the repository's own documentation, and a question that it answers. */
function searchArguments(given) {
  const has = (...names) => given.some((arg) => names.some((name) => arg === name || arg.startsWith(`${name}=`)));
  if (has('--help', '-h', '--dir', '-d', '--vectors', '--query-vectors')) return given;
  const question = has('--query', '-q') ? [] : ['--query', DEFAULT_QUERY];
  return ['--dir', join(ROOT, 'docs'), ...question, ...given];
}
