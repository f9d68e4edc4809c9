import type { TopKOutput } from '@gearshift/contracts';
import type { DeviceLoad } from './device-load.js';

/** What may go wrong with one call. Times are what the caller loses before it learns of it. */
export type SimulatedFault =
  /** Fails once, kind `'fault'`. */
  | { readonly kind: 'transient'; readonly afterMs: number }
  /** Occupies the device that long, then fails with kind `'timeout'`; Infinity for a call that never ends. */
  | { readonly kind: 'hang'; readonly forMs: number }
  /** Kind `'device-lost'`, of this call and of every later one; copies on the device are gone. */
  | { readonly kind: 'fatal'; readonly afterMs: number }
  /** Takes its time and reports success, with zeros where the answer should be. */
  | { readonly kind: 'silent-zeros' }
  /** Takes its time and reports success, with numbers that are off. */
  | { readonly kind: 'wrong-result' };

/** One call that reached the device. */
export interface DeviceCall {
  /** From 0. */
  readonly number: number;
  readonly kind: 'request' | 'make-resident';
  /** `null` when only an operand is made resident. */
  readonly load: DeviceLoad | null;
  readonly operandId: number;
  /** Bytes of the operand that the call had to move. */
  readonly uploadBytes: number;
  readonly startedAtMs: number;
}

export type FaultSource = (call: DeviceCall) => SimulatedFault | undefined;

/** What goes wrong with the first call, the second and so on; `undefined` where nothing does, nor after the last. */
export function faultScript(script: readonly (SimulatedFault | undefined)[]): FaultSource {
  return (call) => script[call.number];
}

/** Spoils an answer the way the fault does; leaves it alone where the fault is not of that sort. */
export function spoilAnswer(fault: SimulatedFault | undefined, output: Float32Array | TopKOutput): void {
  const scores = 'count' in output ? output.scores : output;
  if (fault?.kind === 'silent-zeros') {
    scores.fill(0);
    if ('count' in output) output.indices.fill(0);
  } else if (fault?.kind === 'wrong-result') {
    for (let i = 0; i < scores.length; i++) scores[i] += 0.5;
  }
}
