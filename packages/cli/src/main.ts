#!/usr/bin/env node
import { runCli } from './run-cli.js';
import type { Terminal } from './terminal.js';

const terminal: Terminal = {
  writeOut: (text) => void process.stdout.write(text),
  writeError: (text) => void process.stderr.write(text),
  progressStream: process.stderr.isTTY ? process.stderr : undefined,
};

// The reader has closed the pipe, as in `gearshift search ... | head -1`. That is not an error.
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    process.exit(error.code === 'EPIPE' ? 0 : 1);
  });
}

// Not process.exit(), which would lose output that is still in a pipe.
process.exitCode = await runCli(process.argv.slice(2), terminal);
