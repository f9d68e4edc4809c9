import type { DispatchPolicy } from '@gearshift/contracts';
import type { AttemptTracker } from '@gearshift/dispatcher';
import { thresholdPolicy } from '@gearshift/policies';
import type { Contender } from './contender.js';

/**
 * The original hybrid executor with its defects: the latency of the GPU is also recorded as that of the CPU; successes are
 * counted over all time, so that a GPU that was rejected for its failures is never tried again; and all data is uploaded
 * again with every call.
 */
export const originalAsCoded: Contender = {
  name: 'original-as-coded',
  description: 'the original: GPU calls also counted as CPU latency, success counted for life, uploads every time',
  create: () => ({ policy: judgingByLifetime(thresholdPolicy()), trackedBy: recordingGpuAsCpu }),
};

export const originalAsIntended: Contender = {
  name: 'original-as-intended',
  description: "the original's rules on right figures: the threshold policy as shipped; uploads every time",
  create: () => ({ policy: thresholdPolicy() }),
};

function judgingByLifetime(policy: DispatchPolicy): DispatchPolicy {
  return {
    ...policy,
    decide(work, devices, context, out) {
      const { snapshot } = context;
      const judged = { ...snapshot, successRate: snapshot.lifetimeSuccessRate };
      const { strict, nowMs, remainingMs } = context;
      policy.decide(work, devices, { strict, nowMs, remainingMs, snapshot: judged }, out);
    },
  };
}

function recordingGpuAsCpu(tracker: AttemptTracker): AttemptTracker {
  return {
    snapshot: (operation) => tracker.snapshot(operation),
    record(attempt) {
      tracker.record(attempt);
      if (attempt.device === 'gpu' && attempt.outcome === 'success') tracker.record({ ...attempt, device: 'cpu' });
    },
  };
}
