/** The output of a command. Only main.ts uses `process`, so that tests can pass an output of their own. */
export interface Terminal {
  /** Prints results. With `--json` one object and nothing else. */
  writeOut(text: string): void;
  /** Prints notices, progress and errors. */
  writeError(text: string): void;
  /** The stream for a progress bar; undefined if standard error is not a terminal. */
  readonly progressStream?: NodeJS.WritableStream | undefined;
  /** Calls this at the first signal that would end the process, instead of ending it; the second one ends it. */
  onStop?(stop: () => void): void;
}
