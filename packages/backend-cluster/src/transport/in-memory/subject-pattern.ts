/** Whether a subject fits a pattern: tokens between dots, of which `*` fits any one. */
export function fitsPattern(pattern: string, subject: string): boolean {
  if (pattern === subject) return true;
  const wanted = pattern.split('.');
  const given = subject.split('.');
  return wanted.length === given.length && wanted.every((token, i) => token === '*' || token === given[i]);
}
