/** Converts the passages of a corpus, and then queries, to vectors. */
export interface TextEmbedder {
  readonly dimensions: number;
  /** Weight of the ranking by words, beside that by these vectors with weight 1. */
  readonly lexicalWeight: number;
  /** Returns `texts x dimensions` values, row-major. Called once, before any query. */
  embedPassages(texts: readonly string[], onProgress: (done: number, total: number) => void): Promise<Float32Array>;
  /** Returns `dimensions` values. */
  embedQuery(text: string): Promise<Float32Array>;
}
