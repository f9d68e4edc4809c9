import { mixBits } from './hash-text.js';
import { FeatureExtractor, type TextFeatures } from './text-features.js';

/** Length of every embedding. */
export const EMBEDDING_DIMENSIONS = 768;

/**
 * Each feature is added to several buckets, as in the sparse Johnson-Lindenstrauss transform (Kane and Nelson, 2014). Two
 * words that share one bucket are then still far apart, which matters for a query of two words.
 */
const BUCKETS_PER_FEATURE = 4;
/** 2^32 / golden ratio: consecutive multiples are far from each other. */
const COPY_STEP = 0x9e37_79b9;

/** Converts texts to vectors. {@link fitEmbedder} makes one for a corpus. */
export interface HashedEmbedder {
  /**
   * Writes the l2-normalised embedding of `text` to `output`, {@link EMBEDDING_DIMENSIONS} elements; all zeros if the text
   * contains no word.
   */
  embedInto(text: string, output: Float32Array): void;
}

/**
 * An embedding without a model: signed feature hashing (Weinberger et al., 2009) of {@link FeatureExtractor}, weighted by
 * (1 + ln tf) * idf with the smoothed inverse document frequency of the corpus. It compares spelling, not meaning, and needs
 * no download. The same corpus and text give the same bits on every machine with the same `Math.log`.
 */
export function fitEmbedder(corpus: Iterable<string>): HashedEmbedder {
  const extractor = new FeatureExtractor();
  const documentFrequency = new Map<number, number>();
  let documents = 0;
  for (const text of corpus) {
    documents += 1;
    for (const feature of extractor.extract(text).keys()) {
      documentFrequency.set(feature, (documentFrequency.get(feature) ?? 0) + 1);
    }
  }
  const inverseFrequency = (feature: number): number =>
    Math.log((1 + documents) / (1 + (documentFrequency.get(feature) ?? 0))) + 1;

  return {
    embedInto(text, output) {
      const sums = new Float64Array(EMBEDDING_DIMENSIONS);
      addWeighted(extractor.extract(text), inverseFrequency, sums);
      let squares = 0;
      for (const sum of sums) squares += sum * sum;
      const norm = Math.sqrt(squares);
      for (let i = 0; i < EMBEDDING_DIMENSIONS; i++) output[i] = norm === 0 ? 0 : sums[i] / norm;
    },
  };
}

function addWeighted(features: TextFeatures, inverseFrequency: (feature: number) => number, sums: Float64Array): void {
  for (const [feature, count] of features) {
    const weight = dampened(count) * inverseFrequency(feature);
    for (let copy = 1; copy <= BUCKETS_PER_FEATURE; copy++) {
      const hash = mixBits(feature + Math.imul(copy, COPY_STEP));
      // The top bit gives the sign, the rest the bucket: collisions cancel on average instead of adding up.
      sums[(hash & 0x7fff_ffff) % EMBEDDING_DIMENSIONS] += hash < 0 ? -weight : weight;
    }
  }
}

/** 1 + ln for repeated features; linear below 1, where counts are the small weights of character n-grams. */
function dampened(count: number): number {
  return count > 1 ? 1 + Math.log(count) : count;
}
