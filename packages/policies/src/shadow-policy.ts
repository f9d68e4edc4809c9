import { NO_DEVICE, type DecisionSlot, type DispatchPolicy } from '@gearshift/contracts';
import { expected } from '@gearshift/contracts/internal';

const EMPTY = { device: NO_DEVICE, reason: 'no-device', predictedMs: NaN, alternativeMs: NaN, keep: false } as const;

/**
 * Compares two policies: `acting` decides, `watching` gets the same requests and measurements and has no effect. The
 * snapshot's `learned` has how often they agreed and the expected cost of the watching policy's choices. The expectations are
 * those of the acting policy, or of the watching one where it has none:
 *
 * - `decisions`, `agreed`, and `scored`: those of the differing ones for which both times were expected
 * - `savedMs`: what the watching policy would have saved over these; negative when it would have been slower
 * - `acting` and `watching`: the policies' own snapshots
 *
 * Only the acting policy shares what it learns with other threads, since two of a kind would count everything twice, and
 * only its calibration is exported and imported: the file is good without the shadow too. A third device makes the score an
 * estimate: "the alternative" is then the best of the others, not always the one the watching policy chose.
 *
 * @throws TypeError when either is not a policy.
 */
export function shadowPolicy(acting: DispatchPolicy, watching: DispatchPolicy): DispatchPolicy {
  requirePolicy('acting', acting);
  requirePolicy('watching', watching);
  const slot: DecisionSlot = { ...EMPTY };
  let decisions = 0;
  let agreed = 0;
  let scored = 0;
  let savedMs = 0;

  return {
    name: 'shadow',

    decide(work, devices, context, out) {
      acting.decide(work, devices, context, out);
      Object.assign(slot, EMPTY);
      watching.decide(work, devices, context, slot);
      decisions += 1;
      if (slot.device === out.device) {
        agreed += 1;
        return;
      }
      const scoreMs = savingMs(out, slot);
      if (Number.isNaN(scoreMs)) return;
      scored += 1;
      savedMs += scoreMs;
    },

    observe(sample) {
      acting.observe(sample);
      watching.observe(sample);
    },

    observeUpload(sample) {
      acting.observeUpload?.(sample);
      watching.observeUpload?.(sample);
    },

    share: (learning) => acting.share?.(learning),
    forecast: (operation) => acting.forecast?.(operation),

    snapshot: () => ({
      policy: 'shadow',
      options: { acting: acting.name, watching: watching.name },
      learned: { decisions, agreed, scored, savedMs, acting: acting.snapshot(), watching: watching.snapshot() },
    }),

    export: () => acting.export(),
    import: (state) => acting.import(state),
  };
}

/** What the watching policy's choice would have saved; NaN where neither policy expects both times. */
function savingMs(out: DecisionSlot, slot: DecisionSlot): number {
  if (out.device === NO_DEVICE || slot.device === NO_DEVICE) return NaN;
  const saved = out.predictedMs - out.alternativeMs;
  return Number.isNaN(saved) ? slot.alternativeMs - slot.predictedMs : saved;
}

function requirePolicy(name: string, policy: unknown): void {
  if (typeof policy !== 'object' || policy === null || !('decide' in policy) || typeof policy.decide !== 'function') {
    throw new TypeError(expected(name, 'a policy', policy));
  }
}
