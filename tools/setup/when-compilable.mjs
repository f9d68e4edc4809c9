// node when-compilable.mjs [--stale FOLDER]... -- COMMAND ARG...
//
// Runs COMMAND if CMake and a C++ compiler are installed. Otherwise it prints what is missing, removes the FOLDERs (an earlier
// build would no longer match the sources) and succeeds: the portable backend is used, and code that needs the addon detects
// that it is missing.
import { spawnSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { findToolchain, howToGetTools } from './toolchain.mjs';

const args = process.argv.slice(2);
const separator = args.indexOf('--');
const [program, ...programArgs] = args.slice(separator + 1);
if (separator < 0 || program === undefined)
  throw new Error('usage: when-compilable.mjs [--stale FOLDER]... -- COMMAND ARG...');

const { missing } = findToolchain();
if (missing.length > 0) {
  for (let i = 0; i < separator; i += 2) rmSync(args[i + 1], { recursive: true, force: true });
  console.log(`Not built: ${missing.join(' and ')} missing. To build the native addon: ${howToGetTools()}`);
} else {
  const { status, error } = spawnSync(program, programArgs, { stdio: 'inherit', shell: process.platform === 'win32' });
  if (error !== undefined) console.error(`${program} did not start: ${error.message}`);
  process.exitCode = status ?? 1;
}
