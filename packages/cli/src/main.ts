#!/usr/bin/env node
import { constants } from 'node:os';
import { oneLine } from './output/one-line.js';
import { EXIT_CODES, runCli } from './run-cli.js';
import type { Terminal } from './terminal.js';

/** Clears the line, shows the cursor and wraps long lines: a progress bar may have changed all three. */
const RESTORE_TERMINAL = '\r\u001b[K\u001b[?25h\u001b[?7h';

let stop: (() => void) | undefined;

const terminal: Terminal = {
  writeOut: (text) => void process.stdout.write(text),
  writeError: (text) => void process.stderr.write(text),
  progressStream: process.stderr.isTTY ? process.stderr : undefined,
  onStop: (given) => (stop = given),
};

function leave(exitCode: number): never {
  if (process.stderr.isTTY) process.stderr.write(RESTORE_TERMINAL);
  process.exit(exitCode);
}

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.on(signal, () => {
    // The exit code of a shell for a program that a signal ended.
    if (stop === undefined) leave(128 + constants.signals[signal]);
    const ending = stop;
    stop = undefined;
    ending();
  });
}

// The reader has closed the pipe, as in `gearshift search ... | head -1`. That is not an error.
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => leave(error.code === 'EPIPE' ? 0 : 1));
}

// For example an embedder that throws in a timer.
process.on('uncaughtException', (error: unknown) => {
  process.stderr.write(`gearshift: ${oneLine(error instanceof Error ? error.message : String(error))}\n`);
  leave(EXIT_CODES.internalFailure);
});

// Not process.exit(), which would lose output that is still in a pipe.
process.exitCode = await runCli(process.argv.slice(2), terminal);
