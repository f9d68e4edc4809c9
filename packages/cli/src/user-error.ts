/** A mistake in the arguments or files of the user: one line on standard error, exit code 2. */
export class UserError extends Error {
  override readonly name = 'UserError';
}
