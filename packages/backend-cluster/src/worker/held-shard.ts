import type { CsrGraph, VectorMatrix } from '@gearshift/contracts';
import type { ShardSpec } from '../messages/shard-spec.js';

/** The rows of a shard where the worker's backend finds them. */
export type HeldOperand =
  | {
      readonly kind: 'matrix';
      readonly matrix: VectorMatrix;
      /** The row of the whole matrix that is row 0 here. */
      readonly firstRow: number;
    }
  | { readonly kind: 'graph'; readonly graph: CsrGraph };

export interface HeldShard {
  readonly spec: ShardSpec;
  readonly operand: HeldOperand;
  readonly bytes: number;
  /** The load that brought it, to recognise repeated pieces; undefined for files. */
  readonly load: number | undefined;
  /** The files that it was loaded from, as the order named them; undefined for what was pushed. */
  readonly files: readonly string[] | undefined;
  /** Ends the subscription to its queries. */
  readonly close: () => void;
  /** Frees its memory. */
  readonly dispose: () => void;
  lastUsedMs: number;
  /** Another generation has taken over: it is dropped soon, and at once when its memory is wanted. */
  isRetired: boolean;
  /** Queries that read it. */
  uses: number;
}
