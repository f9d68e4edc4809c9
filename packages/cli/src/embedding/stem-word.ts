/** Longer words are usually no words. */
const MAX_LETTERS = 40;

/**
 * The stem of an English word by the algorithm of Porter (1980), so that "splits", "splitting" and "split" are one term. Words with
 * other letters than a to z stay as they are. The comments give the steps of his paper.
 */
export function stemWord(word: string): string {
  if (word.length < 3 || word.length > MAX_LETTERS || !/^[a-z]+$/.test(word)) return word;
  let stem = withoutVerbEnding(withoutPlural(word));
  if (stem.endsWith('y') && hasVowel(stem.slice(0, -1))) stem = `${stem.slice(0, -1)}i`; // 1c
  stem = replaceEnding(stem, DOUBLE_SUFFIXES, 1);
  stem = replaceEnding(stem, SUFFIXES, 1);
  stem = withoutLastSuffix(stem);
  return withoutFinalE(stem);
}

type Ending = readonly [ending: string, replacement: string];

// In each list, longer endings come before those that they contain.

/** Step 2. */
const DOUBLE_SUFFIXES: readonly Ending[] = [
  ['ational', 'ate'],
  ['tional', 'tion'],
  ['enci', 'ence'],
  ['anci', 'ance'],
  ['izer', 'ize'],
  ['abli', 'able'],
  ['alli', 'al'],
  ['entli', 'ent'],
  ['eli', 'e'],
  ['ousli', 'ous'],
  ['ization', 'ize'],
  ['ation', 'ate'],
  ['ator', 'ate'],
  ['alism', 'al'],
  ['iveness', 'ive'],
  ['fulness', 'ful'],
  ['ousness', 'ous'],
  ['aliti', 'al'],
  ['iviti', 'ive'],
  ['biliti', 'ble'],
];
/** Step 3. */
const SUFFIXES: readonly Ending[] = [
  ['icate', 'ic'],
  ['ative', ''],
  ['alize', 'al'],
  ['iciti', 'ic'],
  ['ical', 'ic'],
  ['ful', ''],
  ['ness', ''],
];
/** Step 4. */
const LAST_SUFFIXES = 'al ance ence er ic able ible ant ement ment ent ion ou ism ate iti ous ive ize'.split(' ');

/** Step 1a. */
function withoutPlural(word: string): string {
  if (word.endsWith('sses') || word.endsWith('ies')) return word.slice(0, -2);
  return word.endsWith('s') && !word.endsWith('ss') ? word.slice(0, -1) : word;
}

/** Step 1b. */
function withoutVerbEnding(word: string): string {
  if (word.endsWith('eed')) return syllablesOf(word.slice(0, -3)) > 0 ? word.slice(0, -1) : word;
  const ending = ['ed', 'ing'].find((each) => word.endsWith(each));
  if (ending === undefined) return word;
  const stem = word.slice(0, -ending.length);
  if (!hasVowel(stem)) return word;
  if (/(at|bl|iz)$/.test(stem)) return `${stem}e`;
  if (endsInDoubleConsonant(stem)) return /[lsz]$/.test(stem) ? stem : stem.slice(0, -1);
  return syllablesOf(stem) === 1 && endsInShortSyllable(stem) ? `${stem}e` : stem;
}

/** Replaces the first ending that fits, if at least `syllables` are left before it. */
function replaceEnding(word: string, endings: readonly Ending[], syllables: number): string {
  const found = endings.find(([ending]) => word.endsWith(ending));
  if (found === undefined) return word;
  const rest = word.slice(0, -found[0].length);
  return syllablesOf(rest) >= syllables ? rest + found[1] : word;
}

function withoutLastSuffix(word: string): string {
  const suffix = LAST_SUFFIXES.find((each) => word.endsWith(each));
  if (suffix === undefined) return word;
  const rest = word.slice(0, -suffix.length);
  return syllablesOf(rest) > 1 && (suffix !== 'ion' || /[st]$/.test(rest)) ? rest : word;
}

/** Step 5. */
function withoutFinalE(word: string): string {
  let stem = word;
  if (word.endsWith('e')) {
    const rest = word.slice(0, -1);
    const syllables = syllablesOf(rest);
    if (syllables > 1 || (syllables === 1 && !endsInShortSyllable(rest))) stem = rest;
  }
  return stem.endsWith('ll') && syllablesOf(stem) > 1 ? stem.slice(0, -1) : stem;
}

/** The letters as `v` for a vowel and `c` for a consonant. `y` after a consonant is a vowel. */
function shapeOf(word: string): string {
  let shape = '';
  for (const letter of word) {
    const isVowel = 'aeiou'.includes(letter) || (letter === 'y' && shape.endsWith('c'));
    shape += isVowel ? 'v' : 'c';
  }
  return shape;
}

/** Porter's measure: the number of places where a consonant follows a vowel. */
function syllablesOf(word: string): number {
  return shapeOf(word).match(/vc/g)?.length ?? 0;
}

function hasVowel(word: string): boolean {
  return shapeOf(word).includes('v');
}

function endsInDoubleConsonant(word: string): boolean {
  return word.length > 1 && word.at(-1) === word.at(-2) && shapeOf(word).endsWith('c');
}

/** Consonant, vowel, consonant, as in "hop": then "hoping" becomes "hope". */
function endsInShortSyllable(word: string): boolean {
  return shapeOf(word).endsWith('cvc') && !/[wxy]$/.test(word);
}
