import { spawnSync, type SpawnSyncReturns } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** Path of the built command. */
export const BIN = fileURLToPath(new URL('../dist/main.js', import.meta.url));

/** Runs `gearshift` with these arguments in `cwd`, with both output streams as pipes. */
export function runBin(args: readonly string[], cwd?: string): SpawnSyncReturns<string> {
  return spawnSync(process.execPath, [BIN, ...args], { encoding: 'utf8', cwd, timeout: 60_000 });
}
