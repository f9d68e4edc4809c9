import { expected } from '@gearshift/contracts/internal';
import { TRACKER_DEFAULTS } from './tracker-options.js';

/** Finds devices by name. */
export class DeviceNames {
  readonly cpu: number | undefined;
  readonly gpu: number | undefined;
  readonly #byName: ReadonlyMap<string | undefined, number>;
  /** Those that are named like backends: other names than those of kinds of device. */
  readonly #backends: ReadonlyMap<string | undefined, number>;

  constructor(names: readonly string[]) {
    const entries = names.map((name, index) => [name, index] as const);
    const kinds: readonly string[] = TRACKER_DEFAULTS.devices;
    this.#byName = new Map(entries);
    this.#backends = new Map(entries.filter(([name]) => !kinds.includes(name)));
    this.cpu = this.#byName.get('cpu');
    this.gpu = this.#byName.get('gpu');
  }

  /** The index of a device; undefined for an unknown name. */
  find(name: string): number | undefined {
    // Comparing with a constant is faster than looking up.
    return name === 'cpu' ? this.cpu : name === 'gpu' ? this.gpu : this.#byName.get(name);
  }

  /** The index of the device that is named like a backend. The id of a backend never counts as a kind of device. */
  findBackend(id: string | undefined): number | undefined {
    return this.#backends.size === 0 ? undefined : this.#backends.get(id);
  }

  /** @throws RangeError that lists the known names. */
  require(argument: string, name: string): number {
    const index = this.#byName.get(name);
    if (index === undefined) {
      throw new RangeError(expected(argument, `one of ${[...this.#byName.keys()].join(', ')}`, name));
    }
    return index;
  }
}
