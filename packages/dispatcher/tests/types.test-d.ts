import { expectTypeOf, it } from 'vitest';
import type {
  AttemptReport,
  BackendErrorKind,
  Completed,
  CosineSimilarityRequest,
  Decision,
  DispatchPolicy,
  Result,
  RunError,
  TopKOutput,
  TopKRequest,
} from '@gearshift/contracts';
import type { Dispatcher, DispatcherOptions } from '../src/index.js';

declare const dispatcher: Dispatcher;
declare const topK: TopKRequest;
declare const cosine: CosineSimilarityRequest;

it('types the output of run() by the operation', () => {
  expectTypeOf(dispatcher.run(topK)).resolves.toEqualTypeOf<Result<Completed<TopKOutput>, RunError>>();
  expectTypeOf(dispatcher.run(cosine)).resolves.toEqualTypeOf<Result<Completed<Float32Array>, RunError>>();
  expectTypeOf(dispatcher.runSync(topK)).toEqualTypeOf<Result<Completed<TopKOutput>, RunError>>();
});

it('accepts only an output of the type that belongs to the request', () => {
  // @ts-expect-error a top-k writes indices and scores
  void dispatcher.run(topK, new Float32Array(4));
  // @ts-expect-error a cosine similarity writes scores alone
  void dispatcher.run(cosine, { indices: new Uint32Array(1), scores: new Float32Array(1), count: 1 });
});

it('types the decision, the attempts and the error kind', () => {
  expectTypeOf<Completed['decision']>().toEqualTypeOf<Decision | null>();
  expectTypeOf<RunError['attempts']>().toEqualTypeOf<readonly AttemptReport[]>();
  expectTypeOf<RunError['kind']>().toEqualTypeOf<BackendErrorKind | 'deadline-exceeded' | 'overloaded'>();
});

it('has exactly the documented options', () => {
  expectTypeOf<keyof DispatcherOptions>().toEqualTypeOf<
    | 'backends'
    | 'policy'
    | 'tracker'
    | 'fallback'
    | 'verifyEveryNth'
    | 'hangLimits'
    | 'maxPending'
    | 'memory'
    | 'clock'
    | 'timers'
  >();
});

it('types decide() of a custom policy as returning nothing', () => {
  expectTypeOf<DispatchPolicy['decide']>().returns.toBeVoid();
});
