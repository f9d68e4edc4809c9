import { expected, optionNames, readOptions, requireSignal } from '@gearshift/contracts/internal';
import { RunLimit } from '@gearshift/splitter/engine';
import type { Timers } from '@gearshift/splitter';
import type { RunOptions } from '../dispatcher.js';

const OPTIONS = optionNames<RunOptions>({ signal: true, deadlineMs: true });

/** @throws TypeError or RangeError that names the invalid option. */
export function limitOf(options: RunOptions, clock: () => number, timers: Timers): RunLimit {
  const { signal, deadlineMs = Infinity } = readOptions('options', options, OPTIONS);
  requireSignal('signal', signal);
  if (typeof deadlineMs !== 'number') throw new TypeError(expected('deadlineMs', 'a number', deadlineMs));
  if (!(deadlineMs >= 0)) throw new RangeError(expected('deadlineMs', 'a number of milliseconds from 0', deadlineMs));
  return new RunLimit(signal, deadlineMs, clock, timers);
}
