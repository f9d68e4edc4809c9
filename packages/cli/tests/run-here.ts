import { runCli } from '../src/run-cli.js';

export interface Run {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

/**
 * Runs `gearshift` with these arguments in this process, where it takes a tenth of the time of `runBin`. `main.ts` adds the streams, the
 * exit code and the signals of a process; tests of those use `runBin`.
 */
export async function runHere(args: readonly string[], cwd?: string): Promise<Run> {
  const before = process.cwd();
  let stdout = '';
  let stderr = '';
  if (cwd !== undefined) process.chdir(cwd);
  try {
    const status = await runCli(args, {
      writeOut: (text) => void (stdout += text),
      writeError: (text) => void (stderr += text),
      progressStream: undefined,
    });
    return { status, stdout, stderr };
  } finally {
    process.chdir(before);
  }
}
