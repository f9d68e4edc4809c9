import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';

export interface FixtureOutcome {
  readonly code: number | string | null;
  readonly signal: string | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a script of `tests/fixtures` in a separate process, because the tested code may end the process. */
export function runFixture(name: string, ...args: string[]): Promise<FixtureOutcome> {
  const path = fileURLToPath(new URL(`fixtures/${name}`, import.meta.url));
  return new Promise((resolve) => {
    execFile(process.execPath, [path, ...args], { timeout: 300_000 }, (error, stdout, stderr) => {
      resolve({ code: error?.code ?? 0, signal: error?.signal ?? null, stdout, stderr });
    });
  });
}
