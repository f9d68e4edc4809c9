/** `counter` only grows while the process lives, `gauge` is as of now. */
export type MetricType = 'counter' | 'gauge' | 'histogram';
/** In the notation of OpenTelemetry (UCUM): seconds, bytes, a ratio, or things that are counted. */
export type MetricUnit = 's' | 'By' | '1' | `{${string}}`;

export interface MetricDefinition {
  /** What OpenTelemetry calls it; see {@link prometheusName} for the other name. */
  readonly name: string;
  readonly type: MetricType;
  readonly unit: MetricUnit;
  readonly help: string;
  /** Values of every label come from a closed set: operations, devices, and words of the contracts. */
  readonly labels: readonly string[];
}

/** Every metric there is, in the order in which they are shown. */
export const METRICS = {
  duration: define('operation.duration', 'histogram', 's', ['operation', 'device'], 'Time of successful attempts'),
  attempts: define('attempts', 'counter', '{attempt}', ['operation', 'device', 'outcome'], 'Attempts that ended'),
  lostTime: define('retry.lost_time', 'counter', 's', ['operation', 'device'], 'Time of attempts that failed'),
  decisions: define('decisions', 'counter', '{decision}', ['operation', 'reason'], 'Choices of a device, by reason'),
  fallbacks: define('fallbacks', 'counter', '{attempt}', ['operation'], 'Attempts that ran because another failed'),
  outOfMemory: define('ooms', 'counter', '{attempt}', ['operation'], 'Attempts of a GPU that ran out of memory'),
  speedup: define(
    'gpu.speedup',
    'gauge',
    '1',
    ['operation'],
    'Mean time on the CPU over that on the GPU; 0 where unknown',
  ),
  successRate: define('gpu.success_rate', 'gauge', '1', ['operation'], 'Share of recent GPU attempts that succeeded'),

  predictionError: define(
    'prediction.error',
    'gauge',
    '1',
    ['operation', 'shape'],
    'Mean relative error of predictions over recent runs',
  ),
  regret: define('regret', 'gauge', 's', ['operation', 'shape'], 'Time that choices are expected to have lost'),
  explorations: define(
    'explorations',
    'counter',
    '{decision}',
    ['operation', 'shape'],
    'Tries of a device that looked slower',
  ),
  breakEven: define(
    'break_even',
    'gauge',
    '{item}',
    ['operation', 'shape', 'residency'],
    'Items from which on the GPU is expected to be faster',
  ),

  breakerState: define('breaker.state', 'gauge', '1', ['device', 'state'], '1 for the state that the breaker is in'),
  breakerOpens: define('breaker.opens', 'counter', '{change}', ['device', 'cause'], 'Times the breaker opened'),
  breakerProbes: define('breaker.probes', 'counter', '{attempt}', ['device', 'result'], 'Probes of an open breaker'),
  missedSavings: define(
    'breaker.missed_savings',
    'gauge',
    's',
    ['device'],
    'What not using the device is believed to cost',
  ),

  memoryUsage: define('memory.usage', 'gauge', 'By', ['device'], 'Memory that the executor holds on the device'),
  memoryAvailable: define('memory.available', 'gauge', 'By', ['device'], 'Memory that it may take yet'),
  memoryTotal: define('memory.total', 'gauge', 'By', ['device'], 'Memory of the device, where it tells'),
  memoryPressure: define('memory.pressure', 'gauge', '1', ['device'], 'Share of what may be taken that is taken'),
  residencyBytes: define('residency.usage', 'gauge', 'By', ['device'], 'Bytes of operands kept on the device'),
  residencyOperands: define('residency.operands', 'gauge', '{operand}', ['device'], 'Operands kept on the device'),
  queueLength: define('queue.length', 'gauge', '{request}', ['device'], 'Requests under way on the device'),
  queueTime: define('queue.time', 'gauge', 's', ['device'], 'How long these are expected to take yet'),

  chunks: define('chunks', 'counter', '{chunk}', ['outcome'], 'Pieces of split requests that ended, in this thread'),
  splits: define('splits', 'counter', '{request}', ['reason'], 'Requests that were split, in this thread'),
  evictions: define('evictions', 'counter', '{operand}', ['device'], 'Operands that made room, in this thread'),
  lostDevices: define('devices.lost', 'counter', '{device}', ['device'], 'Devices lost for good, in this thread'),
  verifications: define(
    'verifications',
    'counter',
    '{result}',
    ['device', 'result'],
    'Results of GPUs recomputed on the CPU, in this thread',
  ),
} as const;

export type MetricName = keyof typeof METRICS;

function define(
  name: string,
  type: MetricType,
  unit: MetricUnit,
  labels: readonly string[],
  help: string,
): MetricDefinition {
  return { name: `gearshift.${name}`, type, unit, labels, help };
}

/** `gearshift.retry.lost_time` in seconds, a counter, is `gearshift_retry_lost_time_seconds_total`. */
export function prometheusName({ name, type, unit }: MetricDefinition): string {
  const base = name.replaceAll('.', '_');
  const suffix =
    unit === 's' ? '_seconds' : unit === 'By' ? '_bytes' : unit === '1' && type === 'gauge' ? '_ratio' : '';
  return `${base}${base.endsWith('_rate') || base.endsWith('_state') ? '' : suffix}${type === 'counter' ? '_total' : ''}`;
}
