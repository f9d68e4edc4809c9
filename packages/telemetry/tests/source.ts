import { DECISION_REASONS, type DecisionReason } from '@gearshift/contracts';
import { createTracker, type Tracker } from '@gearshift/tracker';
import type { DeviceReading, OperationReading, TelemetrySource } from '../src/index.js';

export const OPERATION = 'top-k';

const decisions = Object.fromEntries(DECISION_REASONS.map((reason, i) => [reason, i])) as Record<
  DecisionReason,
  number
>;

export const GPU: DeviceReading = {
  id: 'cuda:0',
  queueLength: 2,
  queueMs: 7,
  breaker: {
    state: 'open',
    missedSavingsMs: 250,
    probes: { started: 5, succeeded: 1, failed: 3 },
    opens: { 'consecutive-faults': 2, hang: 1 },
  },
  memory: { totalBytes: 1000, availableBytes: 400, trackedBytes: 300, pressureRatio: 0.5 },
  residency: { operands: 3, bytes: 250 },
};
const CPU: DeviceReading = {
  id: 'cpu',
  queueLength: 0,
  queueMs: 0,
  breaker: null,
  memory: null,
  residency: null,
};

export const FORECAST: OperationReading['forecast'] = {
  shapes: [
    {
      shape: 'scan',
      breakEven: { cold: null, resident: { items: 5000 } },
      predictionError: 0.25,
      explorations: 4,
      estimatedRegretMs: 1500,
    },
  ],
};

/** A real tracker inside an executor with fixed decisions, forecast and devices, any of which `changes` replaces. */
export function createSource(
  tracker: Tracker = createTracker({ operations: [OPERATION] }),
  changes: Partial<OperationReading> = {},
) {
  const counts = { snapshots: 0 };
  const source: TelemetrySource = {
    tracker,
    snapshot(operation): OperationReading {
      counts.snapshots += 1;
      return {
        ...tracker.snapshot(operation),
        decisions,
        forecast: FORECAST,
        devices: [GPU, CPU],
        ...changes,
      };
    },
  };
  return { source, tracker, counts };
}
