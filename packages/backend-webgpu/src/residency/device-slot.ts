import { clearTimeout, setTimeout } from 'node:timers';
import type { BackendDescription, BackendError, Result } from '@gearshift/contracts';
import type { BackendFailures, Failure } from '@gearshift/native-kit';
import { describeDevice } from '../device/describe-device.js';
import type { GpuDevice } from '../device/gpu-device.js';
import type { OpenedDevice } from '../device/open-device.js';
import { WebGpuResidents } from './webgpu-residents.js';

/** Time to the next attempt to replace a lost device, after one that failed or a device that was soon lost again; it doubles each time. */
const FIRST_WAIT_MS = 250;
const LONGEST_WAIT_MS = 60_000;

/** A device and the copies on it, until it is lost. */
export interface DevicePlace {
  readonly gpu: GpuDevice;
  readonly residents: WebGpuResidents;
}

/** The device of a backend, which is replaced by a new one in the background when it is lost. */
export class DeviceSlot {
  readonly #open: () => Promise<Result<OpenedDevice, BackendError>>;
  readonly #failures: BackendFailures;
  #place: DevicePlace;
  #description: BackendDescription;
  #epoch = 0;
  #openedAtMs = 0;
  #waitMs = 0;
  #timer: NodeJS.Timeout | undefined;
  #reopening: Promise<void> | undefined;
  #isClosed = false;

  constructor(
    opened: OpenedDevice,
    open: () => Promise<Result<OpenedDevice, BackendError>>,
    failures: BackendFailures,
  ) {
    this.#open = open;
    this.#failures = failures;
    this.#place = this.#enter(opened);
    this.#description = describeDevice(opened);
  }

  get place(): DevicePlace {
    return this.#place;
  }

  /** How many devices were lost and replaced. */
  get epoch(): number {
    return this.#epoch;
  }

  describe(): BackendDescription {
    const { lost } = this.#place.gpu;
    if (lost === undefined || this.#isClosed) return this.#description;
    return { ...this.#description, limitations: [...this.#description.limitations, lost] };
  }

  /** Waits while a new device is being opened. Returns why there is no device, if so. */
  async ready(): Promise<Failure | undefined> {
    await this.#reopening;
    const { lost } = this.#place.gpu;
    return lost === undefined ? undefined : this.#failures.of('device-lost', lost);
  }

  /** Call it once no request is under way. */
  async close(): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    await this.#reopening;
    await this.#leave(this.#place);
  }

  #enter({ gpu }: OpenedDevice): DevicePlace {
    this.#openedAtMs = performance.now();
    void gpu.gone.then(() => this.#reopenLater());
    return { gpu, residents: new WebGpuResidents(gpu, this.#failures) };
  }

  async #leave({ gpu, residents }: DevicePlace): Promise<void> {
    await residents.close();
    gpu.destroy();
  }

  /** Replaces a lost device, at once unless the last one did not live long. */
  #reopenLater(): void {
    if (this.#isClosed) return;
    if (performance.now() - this.#openedAtMs > LONGEST_WAIT_MS) this.#waitMs = 0;
    clearTimeout(this.#timer);
    if (this.#waitMs === 0) this.#reopen();
    else this.#timer = setTimeout(() => this.#reopen(), this.#waitMs).unref();
    this.#waitMs = Math.min(LONGEST_WAIT_MS, Math.max(FIRST_WAIT_MS, 2 * this.#waitMs));
  }

  #reopen(): void {
    if (this.#isClosed || this.#reopening !== undefined) return;
    this.#reopening = this.#open().then(async (opened) => {
      this.#reopening = undefined;
      if (!opened.ok) {
        this.#reopenLater();
        return;
      }
      const before = this.#place;
      this.#place = this.#enter(opened.value);
      this.#description = describeDevice(opened.value);
      this.#epoch += 1;
      await this.#leave(before);
    });
  }
}
