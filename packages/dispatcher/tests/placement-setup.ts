import type {
  AttemptReport,
  Backend,
  DecisionSlot,
  DeviceView,
  DispatchPolicy,
  DispatchSample,
  UploadSample,
} from '@gearshift/contracts';
import { thresholdPolicy } from '@gearshift/policies';
import { NO_METRICS } from '@gearshift/tracker';
import {
  createSimulatedDevice,
  createVirtualScheduler,
  type SimulatedDeviceOptions,
} from '@gearshift/testing/simulated-device';
import { createDispatcher, type DispatcherOptions } from '../src/index.js';

/** Chooses the first supported device, or the one that `write` sets, and keeps the views and samples that it gets. */
export function scriptedPolicy(write: (out: DecisionSlot, views: readonly DeviceView[]) => void = () => {}) {
  const shown: DeviceView[][] = [];
  const samples: DispatchSample[] = [];
  const uploads: UploadSample[] = [];
  const remaining: number[] = [];
  const policy: DispatchPolicy = {
    ...thresholdPolicy(),
    name: 'scripted',
    decide(_work, views, context, out) {
      shown.push(structuredClone([...views]));
      remaining.push(context.remainingMs);
      out.device = views.findIndex(({ supported }) => supported);
      out.reason = 'predicted-faster';
      write(out, views);
    },
    observe: (sample) => void samples.push(sample),
    observeUpload: (sample) => void uploads.push(sample),
  };
  return { policy, shown, samples, uploads, remaining };
}

/** A dispatcher in virtual time. */
export function inVirtualTime(backends: readonly Backend[], options: Partial<DispatcherOptions> = {}) {
  const attempts: AttemptReport[] = [];
  return {
    attempts,
    dispatcher: (scheduler: ReturnType<typeof createVirtualScheduler>) =>
      createDispatcher({
        backends,
        policy: scriptedPolicy().policy,
        tracker: { snapshot: () => NO_METRICS, record: (attempt) => void attempts.push(attempt) },
        clock: scheduler.nowMs,
        timers: scheduler,
        verifyEveryNth: 0,
        ...options,
      }),
  };
}

/** A GPU and a CPU in virtual time: a request takes 10 ms on the CPU and 1 ms on the GPU, sending a byte takes 1 µs. */
export function twoDevices(gpuOptions: Partial<SimulatedDeviceOptions> = {}) {
  const scheduler = createVirtualScheduler();
  const gpu = createSimulatedDevice({
    id: 'gpu:0',
    kind: 'gpu',
    scheduler,
    kernelMs: () => 1,
    uploadMs: (bytes) => bytes / 1000,
    ...gpuOptions,
  });
  const cpu = createSimulatedDevice({ id: 'cpu', kind: 'cpu', scheduler, kernelMs: () => 10 });
  return { scheduler, gpu, cpu };
}

/** Each attempt as `backend outcome`, with a `+` where it was a fallback. */
export const outcomesOf = (attempts: readonly AttemptReport[]) =>
  attempts.map(({ backend, outcome, fallback }) => `${fallback ? '+' : ''}${backend} ${outcome}`);
