/**
 * English words that carry grammar rather than meaning. In a small corpus they are too rare for the inverse document
 * frequency to find them out, and a question is full of them.
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
 * The words of a text, lower case, without accents, in order. Names written in camelCase, snake_case or with dots come
 * apart, as people ask about their parts.
 */
export function tokenize(text: string): string[] {
  const plain = text
    .replace(/(\p{Ll}|\p{N})(\p{Lu})/gu, '$1 $2')
    .normalize('NFKD')
    .replace(/\p{M}+/gu, '')
    .toLowerCase();
  return plain.match(/[\p{L}\p{N}]+/gu) ?? [];
}

/** The words without grammar, unless nothing else is left. */
export function meaningfulWords(text: string): string[] {
  const words = tokenize(text);
  const meaningful = words.filter((word) => !STOP_WORDS.has(word));
  return meaningful.length > 0 ? meaningful : words;
}
