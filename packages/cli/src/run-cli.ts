import { Command, CommanderError } from 'commander';
import { addBenchCommand } from './commands/bench.js';
import { addCalibrateCommand } from './commands/calibrate.js';
import { addClusterCommand } from './commands/cluster.js';
import { addConvertCommand } from './commands/convert.js';
import { addDoctorCommand } from './commands/doctor.js';
import { addInspectCommand } from './commands/inspect.js';
import { addSearchCommand } from './commands/search.js';
import { addWorkerCommand } from './commands/worker.js';
import { oneLine, printable } from './output/one-line.js';
import { packageVersion } from './package-version.js';
import type { Terminal } from './terminal.js';
import { UserError } from './user-error.js';

/** Exit codes of the process. */
export const EXIT_CODES = { success: 0, internalFailure: 1, badInput: 2 } as const;

/**
 * Runs the `gearshift` command.
 *
 * @param args arguments after the name of the command
 * @returns the exit code; never throws. A failure is one line on standard error.
 */
export async function runCli(args: readonly string[], output: Terminal): Promise<number> {
  const terminal = withoutControlCharacters(output);
  try {
    await createProgram(terminal).parseAsync(args, { from: 'user' });
    return EXIT_CODES.success;
  } catch (error) {
    if (error instanceof CommanderError) {
      if (error.exitCode === 0) return EXIT_CODES.success; // --help and --version
      return fail(terminal, error.message.replace(/^error: /, ''), EXIT_CODES.badInput);
    }
    if (error instanceof UserError) return fail(terminal, error.message, EXIT_CODES.badInput);
    return fail(terminal, error instanceof Error ? error.message : String(error), EXIT_CODES.internalFailure);
  }
}

function createProgram(terminal: Terminal): Command {
  const program = new Command('gearshift')
    .description('Vector compute on the fastest device for each request.')
    .version(packageVersion())
    .exitOverride()
    .configureOutput({
      writeOut: (text) => terminal.writeOut(text),
      writeErr: (text) => terminal.writeError(text),
      // runCli reports every failure in the same form.
      outputError: () => undefined,
    })
    .argument('[command]')
    .action((command?: string) => {
      const problem = command === undefined ? 'no command given' : `unknown command '${command}'`;
      throw new UserError(`${problem}; see gearshift --help`);
    });
  addSearchCommand(program, terminal);
  addConvertCommand(program, terminal);
  addInspectCommand(program, terminal);
  addDoctorCommand(program, terminal);
  addCalibrateCommand(program, terminal);
  addBenchCommand(program, terminal);
  addWorkerCommand(program, terminal);
  addClusterCommand(program, terminal);
  return program;
}

/** Everything that a command prints passes here: names, passages and messages may contain what would control the terminal. */
function withoutControlCharacters({ writeOut, writeError, progressStream, onStop }: Terminal): Terminal {
  return {
    ...(onStop !== undefined && { onStop }),
    writeOut: (text) => writeOut(printable(text)),
    writeError: (text) => writeError(printable(text)),
    progressStream,
  };
}

function fail(terminal: Terminal, message: string, exitCode: number): number {
  terminal.writeError(`gearshift: ${oneLine(message)}\n`);
  return exitCode;
}
