/**
 * English function words. In a small corpus the inverse document frequency does not reduce their weight enough, and
 * questions contain many of them.
 */
const STOP_WORDS = new Set(
  (
    'a about after all also an and any are as at be because been before being between both but by can could did do does ' +
    'each either every few for from had has have how i if in into is it its just many may me might more most much must my ' +
    'neither no nor not of on one only or other otherwise our out over own shall should so some such than that the their ' +
    'them then there these they this those through to too under until up upon us use used using very was we were what when ' +
    'where whether which while who whose why will with within without would yet you your'
  ).split(' '),
);

/**
 * The words of a text in order, in lower case and without accents. Names in camelCase, in snake_case or with dots are split,
 * so that a query can contain one of their parts.
 */
export function tokenize(text: string): string[] {
  const plain = text
    .replace(/(\p{Ll}|\p{N})(\p{Lu})/gu, '$1 $2')
    .normalize('NFKD')
    .replace(/\p{M}+/gu, '')
    .toLowerCase();
  return plain.match(/[\p{L}\p{N}]+/gu) ?? [];
}

/** The words without function words, or all words if no other is left. */
export function meaningfulWords(text: string): string[] {
  const words = tokenize(text);
  const meaningful = words.filter((word) => !STOP_WORDS.has(word));
  return meaningful.length > 0 ? meaningful : words;
}
