import { expectTypeOf, it } from 'vitest';
import type {
  Completed,
  CsrGraph,
  Decision,
  Executor,
  ExecutorOptions,
  DeviceMetrics,
  MetricsSnapshot,
  OwnedGraph,
  OwnedMatrix,
  Result,
  RunError,
  TopKOutput,
  TopKRequest,
  VectorMatrix,
} from '../src/index.js';
import type { createExecutor } from '../src/index.js';

declare const executor: Executor;
declare const matrix: VectorMatrix;
declare const request: TopKRequest;
declare const graph: OwnedGraph;
declare const ownedMatrix: OwnedMatrix;

it('the methods named after operations return bare outputs', () => {
  expectTypeOf(executor.topK([1], matrix, { k: 1 })).resolves.toEqualTypeOf<TopKOutput>();
  expectTypeOf(executor.cosineSimilarity([1], matrix)).resolves.toEqualTypeOf<Float32Array>();
  expectTypeOf(executor.topKSync([1], matrix, { k: 1 })).toEqualTypeOf<TopKOutput>();
});

it('run() accepts a request of any operation and returns the matching output', () => {
  expectTypeOf(executor.run(request)).resolves.toEqualTypeOf<Result<Completed<TopKOutput>, RunError>>();
  // @ts-expect-error a top-k does not write into a plain array
  void executor.run(request, { output: new Float32Array(1) });
});

it('matrices and snapshots have the types of the contracts', () => {
  expectTypeOf(executor.matrix([[1]])).resolves.toExtend<VectorMatrix & AsyncDisposable>();
  expectTypeOf(executor.snapshot('top-k')).toExtend<Omit<MetricsSnapshot, 'devices'>>();
  expectTypeOf(executor.snapshot('top-k').devices[0].metrics).toEqualTypeOf<DeviceMetrics | null>();
  expectTypeOf<NonNullable<Completed['decision']>>().toEqualTypeOf<Decision>();
});

it('graphs have the types of the contracts, and attach() gives back what was posted', () => {
  expectTypeOf(executor.graph({ nodes: 1, edges: [] })).resolves.toEqualTypeOf<OwnedGraph>();
  expectTypeOf<OwnedGraph>().toExtend<CsrGraph & AsyncDisposable>();
  expectTypeOf(executor.attach(graph)).toEqualTypeOf<OwnedGraph>();
  expectTypeOf(executor.attach(ownedMatrix)).toEqualTypeOf<OwnedMatrix>();
});

it('the options are exactly those that the executor implements', () => {
  expectTypeOf<keyof ExecutorOptions>().toEqualTypeOf<
    | 'backends'
    | 'policy'
    | 'fallback'
    | 'memory'
    | 'verifyEveryNth'
    | 'hangLimits'
    | 'calibration'
    | 'tracker'
    | 'threads'
    | 'coalesce'
    | 'maxPending'
  >();
  expectTypeOf<typeof createExecutor>().returns.resolves.toEqualTypeOf<Executor>();
  // @ts-expect-error the synchronous calls cannot be aborted
  executor.topKSync([1], matrix, { k: 1, signal: AbortSignal.abort() });
  // @ts-expect-error only these names are known
  ({ backends: ['tpu'] }) satisfies ExecutorOptions;
});
