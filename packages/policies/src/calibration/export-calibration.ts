import type { Backend, DispatchPolicy } from '@gearshift/contracts';
import { CALIBRATION_VERSION, type Calibration } from './calibration.js';
import { identifyDevices } from './device-identity.js';

/** A policy and the devices that it chooses from: every dispatcher has both. */
export interface PolicyWithBackends {
  readonly policy: DispatchPolicy;
  readonly backends: readonly Backend[];
}

/** What the policy has learned, with what it was learned on: plain data that survives JSON. */
export function exportCalibration({ policy, backends }: PolicyWithBackends): Calibration {
  return { calibrationVersion: CALIBRATION_VERSION, devices: identifyDevices(backends), state: policy.export() };
}
