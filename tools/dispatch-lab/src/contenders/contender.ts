import type { DispatchPolicy } from '@gearshift/contracts';
import type { AttemptTracker } from '@gearshift/dispatcher';

/** Something that chooses devices, ready to be measured. */
export interface Contender {
  readonly name: string;
  /** What it stands for, in one sentence. */
  readonly description: string;
  /** A fresh one that has learned nothing, for each trace and seed. */
  create(): ContenderParts;
}

export interface ContenderParts {
  readonly policy: DispatchPolicy;
  /** Stands between dispatcher and tracker, for contenders that are wrong about what they measure. */
  readonly trackedBy?: (tracker: AttemptTracker) => AttemptTracker;
}
