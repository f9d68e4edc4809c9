/** What the user asked for cannot be done as asked: one line on standard error, exit code 2. */
export class UserError extends Error {
  override readonly name = 'UserError';
}
