import { DEVICE_KINDS, type Backend, type DispatchPolicy } from '@gearshift/contracts';
import { expected, optionNames, readOptions, requireInteger, requireObject } from '@gearshift/contracts/internal';
import type { AttemptTracker, ChangeableOptions, DispatcherOptions, FallbackMode } from './dispatcher.js';
import { checkHangLimits } from './attempts/hang-limit.js';
import { VERIFICATION_DEFAULTS } from './verification/sampled-verification.js';
import type { Timers } from '@gearshift/splitter';
import { NODE_TIMERS } from '@gearshift/splitter/engine';
import type { MemoryLimits } from './devices/gpu-memory.js';

const FALLBACK_MODES: readonly FallbackMode[] = ['cpu', 'never'];
const MEMORY_LIMITS = optionNames<MemoryLimits>({ capBytes: true, usableFraction: true, reserveBytes: true });
const OPTIONS = optionNames<DispatcherOptions>({
  backends: true,
  policy: true,
  tracker: true,
  fallback: true,
  verifyEveryNth: true,
  hangLimits: true,
  maxPending: true,
  memory: true,
  clock: true,
  timers: true,
});
const CHANGEABLE_OPTIONS = optionNames<ChangeableOptions>({
  policy: true,
  fallback: true,
  verifyEveryNth: true,
  hangLimits: true,
  maxPending: true,
});

export interface CheckedDispatcherOptions {
  readonly backends: readonly Backend[];
  readonly policy: DispatchPolicy;
  readonly tracker: AttemptTracker;
  readonly fallback: FallbackMode;
  readonly verifyEveryNth: number;
  readonly hangLimits: ReturnType<typeof checkHangLimits>;
  readonly maxPending: number;
  readonly memory: MemoryLimits;
  readonly clock: () => number;
  readonly timers: Timers;
}

/** Fills in defaults. Throws a TypeError or RangeError for invalid options at creation rather than at the first request. */
export function checkDispatcherOptions(options: DispatcherOptions): CheckedDispatcherOptions {
  const given = readOptions('options', options, OPTIONS);
  const { backends, policy, tracker, fallback = 'cpu', verifyEveryNth, hangLimits = {} } = given;
  const maxPending = given.maxPending ?? Infinity;
  if (maxPending !== Infinity) requireInteger('maxPending', maxPending, 1);
  const { clock = performance.now.bind(performance), timers = NODE_TIMERS } = given;
  checkBackends(backends);
  requireMethods('policy', policy, ['decide', 'observe', 'snapshot', 'export', 'import']);
  requireMethods('tracker', tracker, ['snapshot', 'record']);
  if (!FALLBACK_MODES.includes(fallback)) {
    throw new RangeError(expected('fallback', `one of ${FALLBACK_MODES.join(', ')}`, fallback));
  }
  if (typeof clock !== 'function') throw new TypeError(expected('clock', 'a function', clock));
  requireMethods('timers', timers, ['after', 'cancel']);
  return {
    backends: [...backends],
    policy,
    tracker,
    fallback,
    verifyEveryNth: requireInteger('verifyEveryNth', verifyEveryNth ?? VERIFICATION_DEFAULTS.everyNth, 0),
    hangLimits: checkHangLimits(hangLimits),
    maxPending,
    memory: readOptions('memory', given.memory, MEMORY_LIMITS),
    clock,
    timers,
  };
}

/** Fills in the options that do not change. */
export function checkChangedOptions(
  options: ChangeableOptions,
  before: CheckedDispatcherOptions,
): CheckedDispatcherOptions {
  requireObject('options', options);
  const given = readOptions('options', options, CHANGEABLE_OPTIONS);
  const { policy, fallback, verifyEveryNth, hangLimits, maxPending } = given;
  return checkDispatcherOptions({
    ...before,
    policy: policy ?? before.policy,
    fallback: fallback ?? before.fallback,
    verifyEveryNth: verifyEveryNth ?? before.verifyEveryNth,
    hangLimits: hangLimits ?? before.hangLimits,
    maxPending: maxPending ?? before.maxPending,
  });
}

function checkBackends(backends: readonly Backend[]): void {
  if (!Array.isArray(backends)) throw new TypeError(expected('backends', 'an array of backends', backends));
  if (backends.length === 0) throw new RangeError('backends: expected at least one, got none');
  const ids = new Set<string>();
  for (const [index, backend] of (backends as readonly Backend[]).entries()) {
    const name = `backends[${index}]`;
    requireMethods(name, backend, ['supports', 'cosineSimilarity', 'topK', 'spreadActivation']);
    if (typeof backend.id !== 'string') throw new TypeError(expected(`${name}.id`, 'a string', backend.id));
    if (!DEVICE_KINDS.includes(backend.kind)) {
      throw new RangeError(expected(`${name}.kind`, `one of ${DEVICE_KINDS.join(', ')}`, backend.kind));
    }
    if (backend.isGuarded !== undefined && typeof backend.isGuarded !== 'boolean') {
      throw new TypeError(expected(`${name}.isGuarded`, 'a boolean', backend.isGuarded));
    }
    if (ids.has(backend.id)) throw new RangeError(`${name}.id: '${backend.id}' is listed twice`);
    ids.add(backend.id);
  }
}

function requireMethods<T extends object>(name: string, value: T, methods: readonly (keyof T & string)[]): void {
  requireObject(name, value);
  for (const method of methods) {
    if (typeof value[method] !== 'function') {
      throw new TypeError(expected(`${name}.${method}`, 'a function', value[method]));
    }
  }
}
