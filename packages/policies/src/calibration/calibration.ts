import {
  err,
  ok,
  type Backend,
  type DispatchPolicy,
  type PolicyImportError,
  type PolicyState,
  type Result,
} from '@gearshift/contracts';
import { isObject } from '../policy-state.js';
import { differenceOf, identifyDevices, type DeviceIdentity } from './device-identity.js';

/** What a policy has learned, and on which devices: plain data that can be stored as JSON. */
export interface Calibration {
  readonly calibrationVersion: number;
  readonly devices: readonly DeviceIdentity[];
  readonly state: PolicyState;
}

/** Raised when the layout changes. */
const CALIBRATION_VERSION = 1;

export interface CalibrationImport {
  /** Ids of the devices with a part that was taken over. */
  readonly taken: readonly string[];
  readonly refused: readonly RefusedPart[];
}

/** The part of a device that is not here, or has changed. */
export interface RefusedPart {
  readonly device: string;
  readonly reason: string;
}

export type CalibrationError = PolicyImportError;

/** A policy and the devices that it chooses from; a dispatcher has both. */
export interface PolicyWithBackends {
  readonly policy: DispatchPolicy;
  readonly backends: readonly Backend[];
}

/** Exports what the policy has learned, with a description of the devices. */
export function exportCalibration({ policy, backends }: PolicyWithBackends): Calibration {
  return { calibrationVersion: CALIBRATION_VERSION, devices: identifyDevices(backends), state: policy.export() };
}

/**
 * Takes over what was learned on the same devices, and returns which parts were left out and why. New measurements have more
 * weight. A calibration that is malformed or of another policy changes nothing.
 *
 * @example
 * const imported = importCalibration(dispatcher, JSON.parse(text));
 */
export function importCalibration(
  { policy, backends }: PolicyWithBackends,
  calibration: Calibration,
): Result<CalibrationImport, CalibrationError> {
  if (!isObject(calibration)) return failed('malformed', 'a calibration is an object');
  const { calibrationVersion, devices, state } = calibration;
  if (calibrationVersion !== CALIBRATION_VERSION) {
    const message = `the calibration is of version ${String(calibrationVersion)}, not of ${CALIBRATION_VERSION}`;
    return failed('wrong-version', message);
  }
  if (!Array.isArray(devices) || !devices.every(isIdentity)) return failed('malformed', 'it names no devices');
  if (!isObject(state) || !isObject(state.learned)) return failed('malformed', 'it holds no state of a policy');

  const refused = refusedParts(devices, identifyDevices(backends), state);
  const taken = devices.map(({ id }) => id).filter((id) => !refused.some(({ device }) => device === id));
  const fitting = partOf(state, taken, refused.length === 0);
  if (fitting === undefined) {
    const reason = refused.map(({ device, reason: why }) => `${device}: ${why}`).join('; ');
    return failed('malformed', `the state cannot be taken over in part, and ${reason}`);
  }
  const imported = policy.import(fitting);
  return imported.ok ? ok({ taken, refused }) : imported;
}

/** Parts of devices that are not here or have changed, and parts of devices that the calibration does not describe. */
function refusedParts(
  then: readonly DeviceIdentity[],
  now: readonly DeviceIdentity[],
  { learned }: PolicyState,
): RefusedPart[] {
  const refused: RefusedPart[] = [];
  for (const old of then) {
    const here = now.find(({ id }) => id === old.id);
    const reason = here === undefined ? 'there is no such device' : differenceOf(old, here);
    if (reason !== undefined) refused.push({ device: old.id, reason });
  }
  const parts = Array.isArray(learned['devices']) ? (learned['devices'] as readonly unknown[]) : [];
  for (const id of new Set(parts.filter(isIdentity).map((part) => part.id))) {
    if (then.some((old) => old.id === id)) continue;
    refused.push({ device: id, reason: 'nothing says what it was measured on' });
  }
  return refused;
}

/** The parts of these devices, see `PolicyState.learned`. A state without a list of parts is all or nothing. */
function partOf(state: PolicyState, taken: readonly string[], isWhole: boolean): PolicyState | undefined {
  const { devices } = state.learned;
  if (!Array.isArray(devices)) return isWhole || Object.keys(state.learned).length === 0 ? state : undefined;
  // The policy itself refuses entries that are not parts of devices.
  const fitting = (devices as readonly unknown[]).filter((part) => !isIdentity(part) || taken.includes(part.id));
  return { ...state, learned: { ...state.learned, devices: fitting } };
}

function isIdentity(device: unknown): device is DeviceIdentity {
  return isObject(device) && typeof device['id'] === 'string';
}

function failed(kind: PolicyImportError['kind'], message: string): Result<never, PolicyImportError> {
  return err({ kind, message });
}
