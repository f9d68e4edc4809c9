import type { Backend, BackendError, Mismatch, PhaseTimes, Result, SyncBackend, Work } from '@gearshift/contracts';
import type { Operation } from '@gearshift/contracts/internal';
import type { SampleSequence } from '../verification/sample-sequence.js';

/** The answer of a backend that keeps its contract. */
export type BackendAnswer = Result<PhaseTimes, BackendError>;

/**
 * Everything that is specific to one operation. The rest of the dispatcher gets the object from `dispatchOperationOf` and
 * uses only this interface.
 */
export interface DispatchOperation<Request, Prepared, Output> extends Operation<Request, Prepared, Output> {
  describeWork(request: Prepared): Work;
  run(backend: Backend, request: Prepared, output: Output, signal: AbortSignal | undefined): Promise<BackendAnswer>;
  runSync(backend: SyncBackend, request: Prepared, output: Output): BackendAnswer;

  /** Whether a part with fewer items has a smaller output. */
  readonly outputGrowsWithItems: boolean;
  /**
   * Merges the answer of a part. Each part is merged once, in any order, after `clearOutput` has emptied the output.
   *
   * @param output of the whole request; after each part it holds the answer of the items so far.
   */
  mergePart(request: Prepared, output: Output, start: number, end: number, part: Output): void;

  /**
   * The number of steps that can be cut along their items only one step at a time, because each item of a step needs the
   * whole step before: 1 for most operations, 0 when there is nothing to compute.
   */
  stagesOf(request: Prepared): number;
  /** @param before the whole output of the stage before; `undefined` for the first stage. */
  stage(request: Prepared, before: Output | undefined): Prepared;
  /** Writes the answer of a request without a stage. */
  answerWithoutStage(request: Prepared, output: Output): void;

  /**
   * Compares an output with a reference in double precision: a few items where there is at most one stage, else all.
   *
   * @returns where the output is wrong, or `null`.
   */
  verify(
    request: Prepared,
    output: Output,
    samples: SampleSequence,
    slices: TimeSlices,
  ): Mismatch | null | Promise<Mismatch | null>;
}

/** Keeps long work from blocking the event loop. */
export interface TimeSlices {
  /** Cheap enough to call every thousand items. */
  isOver(): boolean;
  next(): Promise<void>;
}

/** For an operation with items that do not depend on each other. */
export const SINGLE_STAGE = {
  stagesOf: () => 1,
  stage: <Prepared>(request: Prepared) => request,
  answerWithoutStage() {},
};
