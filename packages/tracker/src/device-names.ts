import { expected } from '@gearshift/contracts/internal';
import { TRACKER_DEFAULTS } from './tracker-options.js';

/** The indices of devices by name. */
export class DeviceNames {
  readonly cpu: number | undefined;
  readonly gpu: number | undefined;
  readonly byName: ReadonlyMap<string, number>;
  /** Those that are named like backends: the id of a backend never counts as a kind of device. */
  readonly backends: ReadonlyMap<string | undefined, number>;

  constructor(names: readonly string[]) {
    const entries = names.map((name, index) => [name, index] as const);
    const kinds: readonly string[] = TRACKER_DEFAULTS.devices;
    this.byName = new Map(entries);
    this.backends = new Map(entries.filter(([name]) => !kinds.includes(name)));
    this.cpu = this.byName.get('cpu');
    this.gpu = this.byName.get('gpu');
  }

  /** @throws RangeError that lists the known names. */
  refuse(argument: string, name: string): never {
    throw new RangeError(expected(argument, `one of ${[...this.byName.keys()].join(', ')}`, name));
  }
}
