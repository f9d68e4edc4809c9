import type { DeviceKind, PolicyImportError, PolicyState } from '@gearshift/contracts';

/** What a policy has learned, and the devices that it was learned on. Plain data that survives JSON. */
export interface Calibration {
  readonly calibrationVersion: number;
  readonly devices: readonly DeviceIdentity[];
  readonly state: PolicyState;
}

/** Raised when the layout changes. */
export const CALIBRATION_VERSION = 1;

/** Measurements hold for a device as long as all of this stays the same; `null` where the device does not tell. */
export interface DeviceIdentity {
  /** Id of the backend. */
  readonly id: string;
  readonly kind: DeviceKind;
  /** What a person calls it. */
  readonly device: string;
  readonly driver: string | null;
  /** The package that drives it: its version, where its code came from, and the level of instructions it uses. */
  readonly build: string;
  readonly threads: number | null;
  /** Model of the machine's CPU: it feeds every GPU. */
  readonly cpuModel: string;
}

export interface CalibrationImport {
  /** Ids of the devices whose part was taken over. */
  readonly taken: readonly string[];
  readonly refused: readonly RefusedPart[];
}

/** The part of a device that is not here, or not what it was. */
export interface RefusedPart {
  readonly device: string;
  readonly reason: string;
}

export type CalibrationError = PolicyImportError;
