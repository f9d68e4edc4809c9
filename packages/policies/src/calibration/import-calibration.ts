import { err, ok, type PolicyImportError, type PolicyState, type Result } from '@gearshift/contracts';
import {
  CALIBRATION_VERSION,
  type Calibration,
  type CalibrationError,
  type CalibrationImport,
  type DeviceIdentity,
  type RefusedPart,
} from './calibration.js';
import type { PolicyWithBackends } from './export-calibration.js';
import { differenceOf, identifyDevices } from './device-identity.js';

/**
 * Takes over what was learned on the same devices; what was learned on others is left out, and the reasons are given.
 * What was measured since counts for more. Nothing is taken over from what is malformed or of another policy.
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

  const refused = [...refusedParts(devices, identifyDevices(backends)), ...partsOfNobody(devices, state)];
  const taken = devices.map(({ id }) => id).filter((id) => !refused.some(({ device }) => device === id));
  const fitting = partOf(state, taken, refused.length === 0);
  if (fitting === undefined) {
    const reason = refused.map(({ device, reason: why }) => `${device}: ${why}`).join('; ');
    return failed('malformed', `the state cannot be taken over in part, and ${reason}`);
  }
  const imported = policy.import(fitting);
  return imported.ok ? ok({ taken, refused }) : imported;
}

function refusedParts(then: readonly DeviceIdentity[], now: readonly DeviceIdentity[]): RefusedPart[] {
  const refused: RefusedPart[] = [];
  for (const old of then) {
    const here = now.find(({ id }) => id === old.id);
    const reason = here === undefined ? 'there is no such device' : differenceOf(old, here);
    if (reason !== undefined) refused.push({ device: old.id, reason });
  }
  return refused;
}

/** Parts of devices that the calibration does not describe. */
function partsOfNobody(devices: readonly DeviceIdentity[], { learned }: PolicyState): RefusedPart[] {
  const parts = Array.isArray(learned['devices']) ? (learned['devices'] as readonly unknown[]) : [];
  const ids = new Set(parts.filter(isIdentity).map(({ id }) => id));
  for (const { id } of devices) ids.delete(id);
  return [...ids].map((device) => ({ device, reason: 'nothing says what it was measured on' }));
}

/** See `PolicyState.learned`: parts of devices stand in a list. Where there is none, it is all or nothing. */
function partOf(state: PolicyState, taken: readonly string[], isWhole: boolean): PolicyState | undefined {
  const { devices } = state.learned;
  if (!Array.isArray(devices)) return isWhole || Object.keys(state.learned).length === 0 ? state : undefined;
  // What is no part of a device is for the policy to refuse.
  const fitting = (devices as readonly unknown[]).filter(
    (part) => !isObject(part) || typeof part['id'] !== 'string' || taken.includes(part['id']),
  );
  return { ...state, learned: { ...state.learned, devices: fitting } };
}

function isIdentity(device: unknown): device is DeviceIdentity {
  return isObject(device) && typeof device['id'] === 'string';
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}

function failed(kind: PolicyImportError['kind'], message: string): Result<never, PolicyImportError> {
  return err({ kind, message });
}
