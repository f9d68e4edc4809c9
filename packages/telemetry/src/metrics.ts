/** A `counter` only grows while the process runs; a `gauge` is a current value. */
export type MetricType = 'counter' | 'gauge' | 'histogram';
/** In OpenTelemetry's notation (UCUM): seconds, bytes, a ratio, or counted things. */
export type MetricUnit = 's' | 'By' | '1' | `{${string}}`;

/**
 * - `sum`: for what adds up, such as counts and memory held.
 * - `average`: for a typical value.
 * - `max` and `min`: for the worst value, so that one failing process stays visible among healthy ones, and for figures of a device that
 *   all processes share.
 */
export type Aggregator = 'sum' | 'average' | 'max' | 'min';

export interface MetricDefinition {
  /** Name in OpenTelemetry; {@link prometheusName} gives the one in Prometheus. */
  readonly name: string;
  readonly type: MetricType;
  readonly unit: MetricUnit;
  readonly help: string;
  /** How prom-client combines the values of the processes of a cluster. Only amounts can be added, not ratios and states. */
  readonly aggregator: Aggregator;
  /** The values of every label come from a closed set: operations, devices, and unions of `@gearshift/contracts`. */
  readonly labels: readonly string[];
}

/** All metrics, in the order in which they are exported. */
export const METRICS = {
  duration: define('operation.duration', 'histogram', 's', ['operation', 'device'], 'Time of successful attempts'),
  attempts: define('attempts', 'counter', '{attempt}', ['operation', 'device', 'outcome'], 'Attempts that ended'),
  lostTime: define('retry.lost_time', 'counter', 's', ['operation', 'device'], 'Time of attempts that failed'),
  decisions: define('decisions', 'counter', '{decision}', ['operation', 'reason'], 'Device decisions, by reason'),
  requestsPending: define('requests.pending', 'gauge', '{request}', ['operation'], 'Requests under way'),
  requestsRefused: define(
    'requests.refused',
    'counter',
    '{request}',
    ['operation'],
    'Requests refused because too many were under way',
  ),
  requestsMerged: define(
    'requests.merged',
    'counter',
    '{request}',
    ['operation'],
    'Requests answered by a pass over the operand that also answered others',
  ),
  fallbacks: define(
    'fallbacks',
    'counter',
    '{attempt}',
    ['operation'],
    'Attempts that ran because another attempt had failed',
  ),
  outOfMemory: define('ooms', 'counter', '{attempt}', ['operation'], 'GPU attempts that ran out of memory'),
  speedup: define(
    'gpu.speedup',
    'gauge',
    '1',
    ['operation'],
    'Mean CPU time divided by mean GPU time; 0 if unknown',
    'max',
  ),
  successRate: define(
    'gpu.success_rate',
    'gauge',
    '1',
    ['operation'],
    'Share of recent GPU attempts that succeeded',
    'average',
  ),

  predictionError: define(
    'prediction.error',
    'gauge',
    '1',
    ['operation', 'shape'],
    'Mean relative error of recent latency predictions',
    'max',
  ),
  regret: define(
    'regret',
    'gauge',
    's',
    ['operation', 'shape'],
    'Estimated time lost to decisions that were not the fastest',
  ),
  explorations: define(
    'explorations',
    'counter',
    '{decision}',
    ['operation', 'shape'],
    'Requests sent to a device that was predicted slower',
  ),
  breakEven: define(
    'break_even',
    'gauge',
    '{item}',
    ['operation', 'shape', 'residency'],
    'Number of items from which the GPU is predicted to be faster',
    'average',
  ),

  breakerState: define(
    'breaker.state',
    'gauge',
    '1',
    ['device', 'state'],
    '1 for the current state of the breaker, 0 for the others',
    'max',
  ),
  breakerOpens: define('breaker.opens', 'counter', '{change}', ['device', 'cause'], 'Times the breaker opened'),
  breakerProbes: define('breaker.probes', 'counter', '{attempt}', ['device', 'result'], 'Probes of an open breaker'),
  missedSavings: define(
    'breaker.missed_savings',
    'gauge',
    's',
    ['device'],
    'Estimated cost of not using the device while its breaker is open',
  ),

  memoryUsage: define('memory.usage', 'gauge', 'By', ['device'], 'Device memory held by the executor'),
  memoryAvailable: define(
    'memory.available',
    'gauge',
    'By',
    ['device'],
    'Device memory that the executor may still take; left out if unknown',
    'min',
  ),
  memoryTotal: define(
    'memory.total',
    'gauge',
    'By',
    ['device'],
    'Total memory of the device; left out if unknown',
    'max',
  ),
  memoryPressure: define('memory.pressure', 'gauge', '1', ['device'], 'Share of the memory budget in use', 'max'),
  residencyBytes: define('residency.usage', 'gauge', 'By', ['device'], 'Bytes of operands kept on the device'),
  residencyOperands: define('residency.operands', 'gauge', '{operand}', ['device'], 'Operands kept on the device'),
  queueLength: define('queue.length', 'gauge', '{request}', ['device'], 'Requests under way on the device'),
  queueTime: define('queue.time', 'gauge', 's', ['device'], 'Predicted time until these requests finish'),

  chunks: define('chunks', 'counter', '{chunk}', ['outcome'], 'Chunks of split requests that ended, in this thread'),
  splits: define('splits', 'counter', '{request}', ['reason'], 'Requests that were split, in this thread'),
  evictions: define(
    'evictions',
    'counter',
    '{operand}',
    ['device'],
    'Operands evicted from the device, in this thread',
  ),
  lostDevices: define('devices.lost', 'counter', '{device}', ['device'], 'Devices lost permanently, in this thread'),
  verifications: define(
    'verifications',
    'counter',
    '{result}',
    ['device', 'result'],
    'GPU results recomputed on the CPU, in this thread',
  ),

  shardDuration: define(
    'cluster.shard.duration',
    'histogram',
    's',
    ['operation', 'outcome'],
    'Time of queries at shards of a cluster, by outcome, in this thread',
  ),
  hedges: define(
    'cluster.hedges',
    'counter',
    '{query}',
    ['operation'],
    'Queries sent to a second worker because the first one was slow, in this thread',
  ),
  answers: define(
    'cluster.answers',
    'counter',
    '{answer}',
    ['operation', 'status'],
    'Answers of a worker in this process, by status',
  ),
  repairs: define(
    'cluster.repairs',
    'counter',
    '{copy}',
    ['cause', 'outcome'],
    'Copies of shards brought to other workers, in this thread',
  ),
  copiesWanted: define(
    'cluster.copies.wanted',
    'gauge',
    '{copy}',
    ['device'],
    'Copies of shards that there should be',
    'max',
  ),
  copiesLacking: define(
    'cluster.copies.lacking',
    'gauge',
    '{copy}',
    ['device'],
    'Copies of shards that were lost and are not made again yet',
    'max',
  ),
} as const;

export type MetricName = keyof typeof METRICS;

function define(
  name: string,
  type: MetricType,
  unit: MetricUnit,
  labels: readonly string[],
  help: string,
  aggregator: Aggregator = 'sum',
): MetricDefinition {
  return { name: `gearshift.${name}`, type, unit, labels, help, aggregator };
}

/** The counter `gearshift.retry.lost_time` in seconds becomes `gearshift_retry_lost_time_seconds_total`. */
export function prometheusName({ name, type, unit }: MetricDefinition): string {
  const base = name.replaceAll('.', '_');
  const suffix =
    unit === 's' ? '_seconds' : unit === 'By' ? '_bytes' : unit === '1' && type === 'gauge' ? '_ratio' : '';
  return `${base}${base.endsWith('_rate') || base.endsWith('_state') ? '' : suffix}${type === 'counter' ? '_total' : ''}`;
}
