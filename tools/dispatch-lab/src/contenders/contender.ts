import type { DispatchPolicy } from '@gearshift/contracts';
import type { AttemptTracker } from '@gearshift/dispatcher';

/** A policy to be measured. */
export interface Contender {
  readonly name: string;
  /** What it stands for, in one sentence. */
  readonly description: string;
  /** Creates a new policy that has learned nothing, for each trace and seed. */
  create(): ContenderParts;
}

export interface ContenderParts {
  readonly policy: DispatchPolicy;
  /** Wraps the tracker of the dispatcher, for contenders with wrong measurements. */
  readonly trackedBy?: (tracker: AttemptTracker) => AttemptTracker;
}
