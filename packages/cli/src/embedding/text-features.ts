import { hashText } from './hash-text.js';
import { meaningfulWords } from './tokenize.js';

/** Features of a text: 32-bit hash of the feature to how strongly it occurs. */
export type TextFeatures = Map<number, number>;

/** Each kind of feature hashes with its own seed, so that the word "cat" and the trigram "cat" differ. */
const WORD_SEED = 1;
const PAIR_SEED = 2;
const CHARACTER_SEED = 3;

const PAIR_WEIGHT = 0.5;
/** All character n-grams of a word together weigh this much, however long the word is. */
const CHARACTERS_WEIGHT = 0.8;
const SHORTEST_GRAM = 3;
const LONGEST_GRAM = 5;

/**
 * Counts the words, pairs of neighbouring words, and character n-grams of a text. Words carry what it is about, pairs a
 * little of the order, n-grams the likeness of "upload", "uploads" and "uploading".
 */
export function textFeatures(text: string): TextFeatures {
  const features: TextFeatures = new Map();
  const add = (hash: number, weight: number): void => {
    features.set(hash, (features.get(hash) ?? 0) + weight);
  };
  let previous: string | undefined;
  for (const word of meaningfulWords(text)) {
    add(hashText(word, WORD_SEED), 1);
    if (previous !== undefined) add(hashText(`${previous} ${word}`, PAIR_SEED), PAIR_WEIGHT);
    previous = word;

    const grams = characterGrams(word);
    const weight = CHARACTERS_WEIGHT / Math.sqrt(grams.length);
    for (const gram of grams) add(hashText(gram, CHARACTER_SEED), weight);
  }
  return features;
}

/** The n-grams of a word with its ends marked: `<cat>` gives `<ca`, `cat`, `at>`, `<cat`, `cat>`, `<cat>`. */
function characterGrams(word: string): string[] {
  const marked = `<${word}>`;
  const grams: string[] = [];
  for (let length = SHORTEST_GRAM; length <= LONGEST_GRAM; length++) {
    for (let start = 0; start + length <= marked.length; start++) grams.push(marked.slice(start, start + length));
  }
  return grams;
}
