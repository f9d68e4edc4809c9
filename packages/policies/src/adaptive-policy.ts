import type { DispatchPolicy } from '@gearshift/contracts';
import { expected, optionNames, readOptions, requireFinite } from '@gearshift/contracts/internal';
import { exportKnowledge, importKnowledge } from './adaptive/calibration-state.js';
import { DeviceChoice } from './adaptive/device-choice.js';
import { forecastOf, learnedSnapshot } from './adaptive/forecast.js';
import { Knowledge } from './adaptive/knowledge.js';
import { TokenBucket } from './adaptive/token-bucket.js';

export interface AdaptivePolicyOptions {
  /** Share of the time that devices are busy that may be spent on trying slower-looking ones. Default 0.01. */
  readonly explorationShare?: number | undefined;
  /** Milliseconds that may be spent on it right from the start. Default 2. */
  readonly explorationStartMs?: number | undefined;
  /** Milliseconds that may be saved up for it. Default 20. */
  readonly explorationCapMs?: number | undefined;
  /** Devices are equally good if their expected times differ by at most this share. Default 0.05. */
  readonly tieShare?: number | undefined;
}

export const ADAPTIVE_DEFAULTS = {
  explorationShare: 0.01,
  explorationStartMs: 2,
  explorationCapMs: 20,
  tieShare: 0.05,
} as const;

/**
 * Chooses the device that is expected to finish this request first. The expected time is the wait, the upload of missing
 * rows, and the run, from lines of cost that are fitted while the program runs. The policy notices devices that change their
 * speed, sends an operand to a device once that pays, and sometimes tries a device that looks slower, within a budget.
 * docs/adaptive-policy.md has the mathematics.
 *
 * It is deterministic: the same requests with the same measurements give the same choices.
 *
 * Reasons: `'calibrating'` while a device is unknown, `'resident'`, `'predicted-faster'`, `'invest-upload'`, `'explore'`,
 * `'queue'`, `'memory'`, `'deadline'`; without a choice `'no-device'`, `'unsupported'`, and `'forced'` for a single GPU.
 *
 * @throws TypeError or RangeError naming the option that is out of its range.
 */
export function adaptivePolicy(options: AdaptivePolicyOptions = {}): DispatchPolicy {
  const checked = checkOptions(options);
  const tokens = new TokenBucket(checked.explorationShare, checked.explorationStartMs, checked.explorationCapMs);
  const knowledge = new Knowledge(tokens);
  const choice = new DeviceChoice(knowledge, tokens, checked.tieShare);
  return {
    name: 'adaptive',
    decide: (work, devices, context, out) => {
      if (devices.length === 1 && devices[0].kind === 'cpu') {
        knowledge.expectOnlyCpu(work, devices[0], context.nowMs, out);
      } else {
        choice.decide(work, devices, context, out);
      }
    },
    observe: (sample) => knowledge.observe(sample),
    observeUpload: (sample) => knowledge.observeUpload(sample),
    share: (learning) => knowledge.share(learning),
    snapshot: () => ({ policy: 'adaptive', options: checked, learned: learnedSnapshot(knowledge, tokens) }),
    forecast: (operation) => forecastOf(knowledge, operation),
    export: () => exportKnowledge('adaptive', knowledge),
    import: (state) => importKnowledge('adaptive', knowledge, state),
  };
}

const OPTIONS = optionNames<AdaptivePolicyOptions>({
  explorationShare: true,
  explorationStartMs: true,
  explorationCapMs: true,
  tieShare: true,
});

function checkOptions(options: AdaptivePolicyOptions) {
  const {
    explorationShare = ADAPTIVE_DEFAULTS.explorationShare,
    explorationStartMs = ADAPTIVE_DEFAULTS.explorationStartMs,
    explorationCapMs = ADAPTIVE_DEFAULTS.explorationCapMs,
    tieShare = ADAPTIVE_DEFAULTS.tieShare,
  } = readOptions('options', options, OPTIONS);
  requireShare('explorationShare', explorationShare);
  requireFinite('explorationStartMs', explorationStartMs, 0);
  requireFinite('explorationCapMs', explorationCapMs, 0);
  requireShare('tieShare', tieShare);
  return Object.freeze({ explorationShare, explorationStartMs, explorationCapMs, tieShare });
}

function requireShare(name: string, value: unknown): void {
  const share = requireFinite(name, value, 0);
  if (share > 1) throw new RangeError(expected(name, 'a share from 0 to 1', share));
}
