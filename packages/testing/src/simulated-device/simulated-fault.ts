import type { TopKOutput } from '@gearshift/contracts';
import type { DeviceLoad } from './device-load.js';

/** A fault of one call. Times are how long the caller waits until the failure. */
export type SimulatedFault =
  /** Fails once, kind `'fault'`. */
  | { readonly kind: 'transient'; readonly afterMs: number }
  /** Occupies the device for this time, then fails with kind `'timeout'`; Infinity for a call that never ends. */
  | { readonly kind: 'hang'; readonly forMs: number }
  /** This call and every later one fail with kind `'device-lost'`; copies on the device are lost. */
  | { readonly kind: 'fatal'; readonly afterMs: number }
  /** Takes the normal time and reports success with zeros instead of the answer. */
  | { readonly kind: 'silent-zeros' }
  /** Takes the normal time and reports success with wrong numbers. */
  | { readonly kind: 'wrong-result' };

/** One call that reached the device. */
export interface DeviceCall {
  /** From 0. */
  readonly number: number;
  readonly kind: 'request' | 'make-resident';
  /** `null` when only an operand is made resident. */
  readonly load: DeviceLoad | null;
  readonly operandId: number;
  /** Bytes of the operand that the call had to upload. */
  readonly uploadBytes: number;
  readonly startedAtMs: number;
}

export type FaultSource = (call: DeviceCall) => SimulatedFault | undefined;

/** The faults of the first call, the second and so on; `undefined` for none, and none after the last one. */
export function faultScript(script: readonly (SimulatedFault | undefined)[]): FaultSource {
  return (call) => script[call.number];
}

/** Changes an answer if the fault gives wrong results; other faults do not change it. */
export function spoilAnswer(fault: SimulatedFault | undefined, output: Float32Array | TopKOutput): void {
  const scores = 'count' in output ? output.scores : output;
  if (fault?.kind === 'silent-zeros') {
    scores.fill(0);
    if ('count' in output) output.indices.fill(0);
  } else if (fault?.kind === 'wrong-result') {
    for (let i = 0; i < scores.length; i++) scores[i] += 0.5;
  }
}
