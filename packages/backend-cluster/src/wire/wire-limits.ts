/** Bounds of what a worker accepts, whoever asks. A message is bounded by the messaging system as well. */
export const WIRE_LIMITS = {
  k: 2 ** 24,
  queries: 2 ** 16,
  dimensions: 2 ** 20,
  /** Nodes of a graph, which one message has to carry a number for each of. */
  nodes: 2 ** 28,
  /** Bytes that the answer to one query may take, at most. */
  answerBytes: 2 ** 30,
  budgetMs: 2 ** 31 - 1,
} as const;

/** Names every shard in a query: each holder answers for the one of its queue group. */
export const EVERY_SHARD = 2 ** 32 - 1;

export const TRACE_ID_BYTES = 16;

export const QUERY_OPERATIONS = ['cosine-similarity', 'top-k', 'spread-activation'] as const;
export type QueryOperation = (typeof QUERY_OPERATIONS)[number];
