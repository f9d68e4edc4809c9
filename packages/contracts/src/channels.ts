import type { BreakerEvent } from './events/breaker-event.js';
import type { ChunkEvent, OutOfMemoryEvent, SplitEvent } from './events/chunk-events.js';
import type {
  AttemptEvent,
  DecisionEvent,
  DeviceEvent,
  ResidencyEvent,
  RunEvent,
  UploadEvent,
} from './events/dispatch-events.js';
import type { MemoryBudgetSnapshot } from './events/memory-budget-snapshot.js';
import type { VerifyEvent } from './events/verify-event.js';

/** Names of the `node:diagnostics_channel` tracing channels (start, end, asyncStart, asyncEnd, error). */
export const TRACING_CHANNELS = {
  run: 'gearshift:run',
  attempt: 'gearshift:attempt',
  chunk: 'gearshift:chunk',
  upload: 'gearshift:upload',
} as const;

/** Names of the plain channels: one message per event. */
export const CHANNELS = {
  decision: 'gearshift:decision',
  breaker: 'gearshift:breaker',
  memory: 'gearshift:memory',
  oom: 'gearshift:oom',
  split: 'gearshift:split',
  residency: 'gearshift:residency',
  device: 'gearshift:device',
  verify: 'gearshift:verify',
} as const;

/** The message of each plain channel. */
export interface ChannelMessages {
  readonly decision: DecisionEvent;
  readonly breaker: BreakerEvent;
  readonly memory: MemoryBudgetSnapshot;
  readonly oom: OutOfMemoryEvent;
  readonly split: SplitEvent;
  readonly residency: ResidencyEvent;
  readonly device: DeviceEvent;
  readonly verify: VerifyEvent;
}

/** The context that each tracing channel publishes; `result` is set at `end` or `asyncEnd`. */
export interface TracingContexts {
  readonly run: RunEvent;
  readonly attempt: AttemptEvent;
  readonly chunk: ChunkEvent;
  readonly upload: UploadEvent;
}
