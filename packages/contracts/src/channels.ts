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
