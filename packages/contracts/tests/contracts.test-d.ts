import { expectTypeOf, test } from 'vitest';
import {
  err,
  ok,
  unwrap,
  type Backend,
  type BackendError,
  type BackendErrorKind,
  type ChannelMessages,
  type CHANNELS,
  type CosineSimilarityRequest,
  type DecisionReason,
  type DeviceKind,
  type OperationName,
  type OperationRequest,
  type PhaseTimes,
  type PlacedMatrix,
  type PreparedTopK,
  type Result,
  type RowSet,
  type RowSetLike,
  type SyncBackend,
  type TopKRequest,
  type TRACING_CHANNELS,
  type TracingContexts,
  type VectorMatrix,
} from '../src/index.js';

test('a result has either a value or an error', () => {
  const result = ok(1) as Result<number, 'broken'>;
  // @ts-expect-error: only after a check of `ok`
  expectTypeOf(result.value).toEqualTypeOf<number>();
  if (result.ok) expectTypeOf(result.value).toEqualTypeOf<number>();
  else expectTypeOf(result.error).toEqualTypeOf<'broken'>();
  expectTypeOf(unwrap(result)).toEqualTypeOf<number>();
  expectTypeOf(err('x' as const)).toExtend<Result<number, 'x'>>();
});

test('OperationName suggests known names and allows others', () => {
  expectTypeOf<'top-k'>().toExtend<OperationName>();
  expectTypeOf<'my-own'>().toExtend<OperationName>();
  expectTypeOf<number>().not.toExtend<OperationName>();
});

test('the operation of a request narrows its type', () => {
  const request = {} as OperationRequest;
  if (request.operation === 'top-k') expectTypeOf(request).toEqualTypeOf<TopKRequest>();
  expectTypeOf<Omit<TopKRequest, 'k'>>().not.toExtend<TopKRequest>();
  expectTypeOf<{
    operation: 'cosine-similarity';
    query: number[];
    matrix: VectorMatrix;
  }>().not.toExtend<CosineSimilarityRequest>();
});

test('backend methods return results, and a SyncBackend is a Backend', () => {
  expectTypeOf<SyncBackend>().toExtend<Backend>();
  expectTypeOf<ReturnType<Backend['cosineSimilarity']>>().toEqualTypeOf<Promise<Result<PhaseTimes, BackendError>>>();
  expectTypeOf<ReturnType<SyncBackend['topKSync']>>().toEqualTypeOf<Result<PhaseTimes, BackendError>>();
  expectTypeOf<undefined>().toExtend<Backend['makeResident']>();
});

test('operands are read-only, and decision reasons are a closed set', () => {
  const matrix = {} as VectorMatrix;
  // @ts-expect-error: markChanged does that
  matrix.version = 2;
  expectTypeOf<'predicted-faster'>().toExtend<DecisionReason>();
  expectTypeOf<'because'>().not.toExtend<DecisionReason>();
});

test('device kinds, error kinds and phase times cover remote devices', () => {
  expectTypeOf<DeviceKind>().toEqualTypeOf<'cpu' | 'gpu' | 'remote'>();
  expectTypeOf<'unreachable' | 'stale'>().toExtend<BackendErrorKind>();
  expectTypeOf<PhaseTimes['networkMs']>().toEqualTypeOf<number | undefined>();
  expectTypeOf<Backend['isGuarded']>().toEqualTypeOf<boolean | undefined>();
});

test('a placed matrix has no values and is not accepted as a matrix', () => {
  expectTypeOf<PlacedMatrix['values']>().toEqualTypeOf<undefined>();
  expectTypeOf<Pick<VectorMatrix, 'id' | 'version' | 'rows' | 'dimensions'>>().toEqualTypeOf<
    Pick<PlacedMatrix, 'id' | 'version' | 'rows' | 'dimensions'>
  >();
  expectTypeOf<PlacedMatrix>().not.toExtend<VectorMatrix>();
});

test('requests that score rows may have where and queries, and a top-k also minScore', () => {
  expectTypeOf<TopKRequest['where']>().toEqualTypeOf<RowSetLike | undefined>();
  expectTypeOf<CosineSimilarityRequest['where']>().toEqualTypeOf<RowSetLike | undefined>();
  expectTypeOf<TopKRequest['queries']>().toEqualTypeOf<number | undefined>();
  expectTypeOf<CosineSimilarityRequest['queries']>().toEqualTypeOf<number | undefined>();
  expectTypeOf<TopKRequest['minScore']>().toEqualTypeOf<number | undefined>();
  expectTypeOf<CosineSimilarityRequest>().not.toHaveProperty('minScore');
  expectTypeOf<PreparedTopK>().toExtend<TopKRequest>();
  expectTypeOf<RowSet>().toExtend<RowSetLike>();
  expectTypeOf<VectorMatrix['removed']>().toEqualTypeOf<RowSetLike | undefined>();
});

test('every channel has a message type', () => {
  expectTypeOf<keyof ChannelMessages>().toEqualTypeOf<keyof typeof CHANNELS>();
  expectTypeOf<keyof TracingContexts>().toEqualTypeOf<keyof typeof TRACING_CHANNELS>();
});
