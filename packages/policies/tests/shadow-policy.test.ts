import { describe, expect, it } from 'vitest';
import type { DispatchPolicy } from '@gearshift/contracts';
import { adaptivePolicy, pinnedPolicy, shadowPolicy, thresholdPolicy } from '../src/index.js';
import { choose, CPU, createSharedLearning, GPU, sampleOf, scanOf, teach, trueMs } from './policy-inputs.js';

const SMALL = scanOf(20);
const LARGE = scanOf(50_000);
const NO_EXPLORING = { explorationShare: 0, explorationStartMs: 0 };

function taught(): DispatchPolicy {
  const policy = adaptivePolicy(NO_EXPLORING);
  teach(policy, [GPU, CPU]);
  return policy;
}

it('a shadow policy decides like the acting policy', () => {
  const shadow = shadowPolicy(pinnedPolicy('cpu'), pinnedPolicy('cuda:0'));
  expect(choose(shadow, LARGE, [GPU, CPU])).toMatchObject({ id: 'cpu', reason: 'forced' });
});

it('the snapshot has the number of differing choices and their cost', () => {
  const shadow = shadowPolicy(taught(), pinnedPolicy('cpu'));
  choose(shadow, SMALL, [GPU, CPU]);
  choose(shadow, LARGE, [GPU, CPU]);
  const { learned } = shadow.snapshot();
  expect(learned).toMatchObject({ decisions: 2, agreed: 1, scored: 1, watching: { policy: 'pinned' } });
  const lostMs = trueMs(CPU, LARGE) - trueMs(GPU, LARGE);
  expect((learned as { savedMs: number }).savedMs / -lostMs).toBeCloseTo(1, 1);
});

it('the times of the watching policy count where the acting one has none', () => {
  const shadow = shadowPolicy(pinnedPolicy('cpu'), taught());
  choose(shadow, LARGE, [GPU, CPU]);
  const savedMs = trueMs(CPU, LARGE) - trueMs(GPU, LARGE);
  expect((shadow.snapshot().learned as { savedMs: number }).savedMs / savedMs).toBeCloseTo(1, 1);
});

it('a decision without expected times has no score', () => {
  const shadow = shadowPolicy(pinnedPolicy('cpu'), pinnedPolicy('cuda:0'));
  choose(shadow, LARGE, [GPU, CPU]);
  expect(shadow.snapshot().learned).toMatchObject({ decisions: 1, agreed: 0, scored: 0, savedMs: 0 });
});

it('both policies learn from each run and upload', () => {
  const acting = adaptivePolicy(NO_EXPLORING);
  const watching = adaptivePolicy(NO_EXPLORING);
  teach(shadowPolicy(acting, watching), [GPU, CPU]);
  const transfer = { deviceId: 'cuda:0', operandId: 1, bytes: 1e6, latencyMs: 0.1, nowMs: 0 };
  shadowPolicy(acting, watching).observeUpload?.(transfer);
  expect(watching.export()).toEqual(acting.export());
  expect(choose(acting, LARGE, [GPU, CPU]).id).toBe('cuda:0');
});

it('only the acting policy shares, exports and imports', () => {
  const common = createSharedLearning();
  const shadow = shadowPolicy(adaptivePolicy(NO_EXPLORING), adaptivePolicy(NO_EXPLORING));
  shadow.share?.(common.thread());
  teach(shadow, [GPU, CPU]);
  const fresh = adaptivePolicy(NO_EXPLORING);
  fresh.share?.(common.thread());
  expect(choose(fresh, LARGE, [GPU, CPU]).predictedMs / trueMs(GPU, LARGE)).toBeCloseTo(1, 1);
  const [{ devices }] = fresh.forecast?.('top-k')?.shapes ?? [];
  expect(devices).toEqual(shadow.forecast?.('top-k')?.shapes[0].devices);

  expect(shadow.export().policy).toBe('adaptive');
  expect(shadowPolicy(adaptivePolicy(), thresholdPolicy()).import(shadow.export()).ok).toBe(true);
  expect(shadowPolicy(thresholdPolicy(), adaptivePolicy()).import(shadow.export()).ok).toBe(false);
});

it('a shadow policy works with policies that learn nothing', () => {
  const shadow = shadowPolicy(thresholdPolicy(), pinnedPolicy('cpu'));
  shadow.observe(sampleOf(CPU, SMALL, 1));
  shadow.observeUpload?.({ deviceId: 'cuda:0', operandId: 1, bytes: 1, latencyMs: 1, nowMs: 0 });
  shadow.share?.(createSharedLearning().thread());
  expect(shadow.forecast?.('top-k')).toBeUndefined();
});

it('both policies learn from an upload', () => {
  const acting = taught();
  const watching = taught();
  const before = acting.export();
  for (let i = 0; i < 3; i++) {
    shadowPolicy(acting, watching).observeUpload?.({
      deviceId: 'cuda:0',
      operandId: 1,
      bytes: 1e6,
      latencyMs: 1,
      nowMs: 0,
    });
  }
  expect(acting.export()).not.toEqual(before);
  expect(watching.export()).toEqual(acting.export());
});

it('the snapshot has the names of both policies', () => {
  const { policy, options } = shadowPolicy(pinnedPolicy('cpu'), thresholdPolicy()).snapshot();
  expect([policy, options]).toEqual(['shadow', { acting: 'pinned', watching: 'threshold' }]);
});

it('a decision without a device has no score', () => {
  const refusing = [{ ...GPU, supported: false }];
  const score = (acting: DispatchPolicy, watching: DispatchPolicy): unknown => {
    const shadow = shadowPolicy(acting, watching);
    choose(shadow, LARGE, refusing);
    return shadow.snapshot().learned;
  };
  const choosing: DispatchPolicy = {
    ...pinnedPolicy('cuda:0'),
    decide: (_work, _devices, _context, out) => {
      Object.assign(out, { device: 0, predictedMs: 1, alternativeMs: 5 });
    },
  };
  const none: DispatchPolicy = {
    ...pinnedPolicy('cuda:0'),
    decide: (_work, _devices, _context, out) => {
      Object.assign(out, { predictedMs: 2, alternativeMs: 3 });
    },
  };
  expect(score(choosing, none)).toMatchObject({ decisions: 1, agreed: 0, scored: 0 });
  expect(score(none, choosing)).toMatchObject({ decisions: 1, agreed: 0, scored: 0 });
});

describe('an argument that is not a policy is refused:', () => {
  it.each([
    ['acting', null, thresholdPolicy()],
    ['watching', thresholdPolicy(), {}],
    ['acting', 'adaptive', thresholdPolicy()],
    ['watching', thresholdPolicy(), { decide: 'cpu' }],
  ])('%s', (name, acting, watching) => {
    expect(() => shadowPolicy(acting as never, watching as never)).toThrow(TypeError);
    expect(() => shadowPolicy(acting as never, watching as never)).toThrow(name);
  });
});
