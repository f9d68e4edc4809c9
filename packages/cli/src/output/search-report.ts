import type { Decision, ExecutorSnapshot } from 'gearshift';

/** How the answer was computed: the part that all reports have in common. */
export interface RunFacts {
  /** Id of the backend that answered. */
  readonly backend: string;
  /** The decision of the policy, with the reason. */
  readonly decision: Decision;
  /** Latency of the top-k request alone. */
  readonly latencyMs: number;
  /** Measurements for top-k, including this request, and the number of decisions by reason. */
  readonly snapshot: ExecutorSnapshot;
}

/** The output of `gearshift search --dir --query --json`. */
export interface TextSearchReport extends RunFacts {
  readonly query: string;
  /** Best first. */
  readonly results: readonly TextMatch[];
}

export interface TextMatch {
  /** Score of the rank fusion; it only orders the results of one query. */
  readonly score: number;
  readonly file: string;
  /** 1-based line of the beginning of the passage. */
  readonly line: number;
  readonly text: string;
}

/** The output of `gearshift search --vectors --query-vectors --json`. */
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
  /** Cosine similarity. NaN if the row or the query contains a NaN; JSON writes it as null. */
  readonly score: number;
}
