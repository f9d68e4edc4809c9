import type { Backend } from '@gearshift/contracts';
import type { DispatchPolicy } from '../policies/dispatch-policy.js';
import { CALIBRATION_VERSION, type Calibration } from './calibration.js';
import { identifyDevices } from './device-identity.js';

export function exportCalibration(policy: DispatchPolicy, backends: readonly Backend[]): Calibration {
  return { calibrationVersion: CALIBRATION_VERSION, devices: identifyDevices(backends), state: policy.export() };
}
