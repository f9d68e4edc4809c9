/** Set-up talks on standard error only: standard output belongs to the command that was asked for. */
export function log(message) {
  process.stderr.write(`${message}\n`);
}
