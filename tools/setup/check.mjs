// npm run check: all static checks of the code, and checks of the packed packages.
import { log } from './log.mjs';
import { refuseUnknownArguments } from './refuse-unknown-arguments.mjs';
import { runCommand } from './run-command.mjs';
import { runNx } from './run-nx.mjs';
import { setUp } from './set-up.mjs';

refuseUnknownArguments(process.argv.slice(2), []);
await setUp();
const bin = (name, ...args) => runCommand(`node_modules/.bin/${name}`, args, { output: 'stdout' });
const steps = [
  // Through Nx, so that the project graph exists: without it the boundary rule only prints a warning.
  ['lint, types and module boundaries', () => runNx(['run-many', '--targets=lint,typecheck'], { output: 'stdout' })],
  ['format', () => bin('prettier', '--check', '--log-level=warn', '.')],
  [
    'figures in the docs',
    () => runCommand(process.execPath, ['tools/bench/src/write-docs.mjs', '--check'], { output: 'stdout' }),
  ],
  [
    'counts in the docs',
    () => runCommand(process.execPath, ['tools/reliability/src/write-docs.mjs', '--check'], { output: 'stdout' }),
  ],
  [
    'the API reference',
    () => runCommand(process.execPath, ['tools/api-reference/src/write-docs.mjs', '--check'], { output: 'stdout' }),
  ],
  [
    'the way of a request',
    () => runCommand(process.execPath, ['tools/walk/src/main.mjs', '--docs', '--check'], { output: 'stdout' }),
  ],
  ['unused files, exports and dependencies', () => bin('knip')],
  ['package shape and pack tests', () => runNx(['run-many', '--targets=check-packages'], { output: 'stdout' })],
];
const failed = [];
for (const [name, step] of steps) {
  log(`\n=== ${name}`);
  if ((await step()) !== 0) failed.push(name);
}
console.log(failed.length === 0 ? `\nAll ${steps.length} checks passed` : `\nFailed: ${failed.join('; ')}`);
process.exitCode = failed.length === 0 ? 0 : 1;
