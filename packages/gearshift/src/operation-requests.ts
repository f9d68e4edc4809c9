import type {
  CsrGraph,
  OperationRequest,
  PlacedMatrix,
  PreparedCosineSimilarity,
  PreparedSpreadActivation,
  PreparedTopK,
  VectorMatrix,
} from '@gearshift/contracts';
import {
  checkOptions,
  cosineSimilarity,
  optionNames,
  own,
  ownFields,
  requireAwaited,
  requirePlain,
  spreadActivation,
  topK,
} from '@gearshift/contracts/internal';
import type {
  CosineSimilarityOptions,
  LimitOptions,
  RunRequest,
  SpreadActivationOptions,
  TopKOptions,
  Vector,
} from './executor.js';
import { toIndices, toVector } from './to-vector.js';

type Matrix = VectorMatrix | PlacedMatrix;

/** Makes checked requests from the arguments of the methods that are named after operations. */
export interface OperationArguments<Operand, Options, Request> {
  /**
   * The caller's own options, checked.
   *
   * @param isSync of a synchronous method, which takes no signal and no deadline
   */
  ownOptions(options: Options, isSync: boolean): Options & LimitOptions;
  prepare(operand: Operand, vector: Vector, options: Options): Request;
}

const SCAN = { start: true, end: true, queries: true, where: true } as const;
const LIMITS = { signal: true, deadlineMs: true } as const;
const COSINE = optionNames<CosineSimilarityOptions>({ ...SCAN, ...LIMITS });
const COSINE_SYNC = optionNames<Omit<CosineSimilarityOptions, keyof LimitOptions>>(SCAN);
const TOP_K_SCAN = { ...SCAN, k: true, metric: true, candidates: true, minScore: true } as const;
const TOP_K = optionNames<TopKOptions>({ ...TOP_K_SCAN, ...LIMITS });
const TOP_K_SYNC = optionNames<Omit<TopKOptions, keyof LimitOptions>>(TOP_K_SCAN);
const HOPS = { hops: true, decay: true, retention: true, threshold: true } as const;
const SPREAD = optionNames<SpreadActivationOptions>({ ...HOPS, ...LIMITS });
const SPREAD_SYNC = optionNames<Omit<SpreadActivationOptions, keyof LimitOptions>>(HOPS);

export const cosineArguments: OperationArguments<Matrix, CosineSimilarityOptions, PreparedCosineSimilarity> = {
  ownOptions(options, isSync) {
    const known = isSync ? COSINE_SYNC : COSINE;
    checkOptions('options', options, known);
    return ownFields(options, known);
  },
  prepare(matrix, query, { start, end, queries, where }) {
    const vector = toVector('query', query);
    return cosineSimilarity.prepareFields({
      operation: 'cosine-similarity',
      query: vector,
      matrix,
      start,
      end,
      queries,
      where,
    });
  },
};

export const topKArguments: OperationArguments<Matrix, TopKOptions, PreparedTopK> = {
  ownOptions(options, isSync) {
    const known = isSync ? TOP_K_SYNC : TOP_K;
    checkOptions('options', options, known);
    return ownFields(options, known);
  },
  prepare(matrix, query, { k, metric, candidates, start, end, queries, where, minScore }) {
    const vector = toVector('query', query);
    const rows = candidates === undefined ? undefined : toIndices('candidates', candidates);
    return topK.prepareFields({
      operation: 'top-k',
      query: vector,
      matrix,
      k,
      metric,
      candidates: rows,
      start,
      end,
      queries,
      where,
      minScore,
    });
  },
};

export const spreadArguments: OperationArguments<CsrGraph, SpreadActivationOptions, PreparedSpreadActivation> = {
  ownOptions(options, isSync) {
    const known = isSync ? SPREAD_SYNC : SPREAD;
    checkOptions('options', options, known);
    return ownFields(options, known);
  },
  prepare(graph, activations, { hops, decay, retention, threshold }) {
    const values = toVector('activations', activations);
    return spreadActivation.prepareFields({
      operation: 'spread-activation',
      graph,
      activations: values,
      hops,
      decay,
      retention,
      threshold,
      start: undefined,
      end: undefined,
    });
  },
};

/** A request with typed arrays in place of arrays of numbers. The dispatcher checks everything else. */
export function withTypedArrays(request: RunRequest): OperationRequest {
  requireAwaited('request', request);
  const given = request as Partial<Record<'query' | 'activations' | 'candidates', Vector>>;
  const [query, activations, candidates] = [own(given, 'query'), own(given, 'activations'), own(given, 'candidates')];
  if (![query, activations, candidates].some(Array.isArray)) return request as OperationRequest;
  requirePlain('request', request);
  return {
    ...(request as OperationRequest),
    ...(Array.isArray(query) ? { query: toVector('query', query) } : {}),
    ...(Array.isArray(activations) ? { activations: toVector('activations', activations) } : {}),
    ...(Array.isArray(candidates) ? { candidates: toIndices('candidates', candidates) } : {}),
  };
}
