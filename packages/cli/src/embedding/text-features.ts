import { hashText, mixBits } from './hash-text.js';
import { meaningfulWords } from './tokenize.js';

/** Features of a text: maps the 32-bit hash of a feature to its weight. */
export type TextFeatures = Map<number, number>;

/** Each kind of feature hashes with its own seed, so that the word "cat" and the trigram "cat" differ. */
const WORD_SEED = 1;
const CHARACTER_SEED = 2;
/** Odd, so that the pairs of one word stay distinct; not 1, so that a pair differs from its reverse. */
const PAIR_FACTOR = 0x9e37_79b1;

const PAIR_WEIGHT = 0.5;
/** All character n-grams of a word together weigh this much, however long the word is. */
const CHARACTERS_WEIGHT = 0.8;
const SHORTEST_GRAM = 3;
const LONGEST_GRAM = 5;

/** Size of the cache of word hashes. Fewer words make up most of any corpus. */
const MAX_KNOWN_WORDS = 200_000;

interface WordFeatures {
  readonly word: number;
  readonly grams: readonly number[];
  readonly gramWeight: number;
}

/** Extracts features. Caches the hashes of words, because most words of a text occur again. */
export class FeatureExtractor {
  readonly #known = new Map<string, WordFeatures>();

  /**
   * Counts the words, pairs of neighbouring words, and character n-grams of a text. Words represent its subject, pairs some
   * of its order, and n-grams the similarity of "upload", "uploads" and "uploading".
   */
  extract(text: string): TextFeatures {
    const features: TextFeatures = new Map();
    let previous: number | undefined;
    for (const wordText of meaningfulWords(text)) {
      const { word, grams, gramWeight } = this.#featuresOf(wordText);
      add(features, word, 1);
      if (previous !== undefined) add(features, mixBits(Math.imul(previous, PAIR_FACTOR) ^ word), PAIR_WEIGHT);
      previous = word;
      for (const gram of grams) add(features, gram, gramWeight);
    }
    return features;
  }

  #featuresOf(word: string): WordFeatures {
    let features = this.#known.get(word);
    if (features === undefined) {
      const grams = characterGrams(word).map((gram) => hashText(gram, CHARACTER_SEED));
      features = { word: hashText(word, WORD_SEED), grams, gramWeight: CHARACTERS_WEIGHT / Math.sqrt(grams.length) };
      if (this.#known.size < MAX_KNOWN_WORDS) this.#known.set(word, features);
    }
    return features;
  }
}

function add(features: TextFeatures, feature: number, weight: number): void {
  features.set(feature, (features.get(feature) ?? 0) + weight);
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
