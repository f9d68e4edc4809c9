/** Where a command prints. The one place that knows about `process` is main.ts, so that tests can listen in. */
export interface Terminal {
  /** Results. With `--json` one object and nothing else. */
  writeOut(text: string): void;
  /** Notices, progress and errors. */
  writeError(text: string): void;
  /** The stream a progress bar may draw on; undefined when nobody watches. */
  readonly progressStream?: NodeJS.WritableStream | undefined;
}
