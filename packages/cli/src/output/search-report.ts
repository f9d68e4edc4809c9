import type { Decision, ExecutorSnapshot } from 'gearshift';

/** How the answer came about: the part that every report shares. */
export interface RunFacts {
  /** Id of the backend that answered. */
  readonly backend: string;
  /** What the policy chose, and why. */
  readonly decision: Decision;
  /** Of the top-k request alone, as the caller saw it. */
  readonly latencyMs: number;
  /** What was measured for top-k, this request included, and the decisions by reason. */
  readonly snapshot: ExecutorSnapshot;
}

/** What `gearshift search --dir --query --json` prints. */
export interface TextSearchReport extends RunFacts {
  readonly query: string;
  /** Best first. */
  readonly results: readonly TextMatch[];
}

export interface TextMatch {
  /** Cosine similarity. */
  readonly score: number;
  readonly file: string;
  /** 1-based line where the passage begins. */
  readonly line: number;
  readonly text: string;
}

/** What `gearshift search --vectors --query-vectors --json` prints. */
export interface VectorSearchReport extends RunFacts {
  /** The file of the query vectors. */
  readonly query: string;
  /** All matches of the first query, best first, then those of the second, and so on. */
  readonly results: readonly VectorMatch[];
}

export interface VectorMatch {
  /** 0-based number of the query vector. */
  readonly query: number;
  /** 0-based row of the vectors. */
  readonly row: number;
  /** Cosine similarity; NaN, which JSON writes as null, where the row or the query holds a NaN. */
  readonly score: number;
}
