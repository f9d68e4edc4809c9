/** Set-up writes only to standard error, because standard output is for the requested command. */
export function log(message) {
  process.stderr.write(`${message}\n`);
}
