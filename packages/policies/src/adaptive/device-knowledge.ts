import type { DeviceKind, SharedLearning, Work } from '@gearshift/contracts';
import { CostLine } from './cost-line.js';
import { DeviceSpeed } from './device-speed.js';
import { genericCost } from './generic-cost.js';
import type { Task } from './task.js';
import { TransferLine } from './transfer-line.js';

/** All that is known about one device. */
export class DeviceKnowledge {
  readonly id: string;
  readonly kind: DeviceKind;
  /** Stands for the device in the ledger. */
  readonly number: number;
  readonly speed: DeviceSpeed;
  readonly transfer: TransferLine;
  /** By the number of the task; holes where it never came up. */
  readonly lines: (CostLine | undefined)[] = [];
  #learning: SharedLearning | undefined;

  constructor(id: string, kind: DeviceKind, number: number, learning: SharedLearning | undefined) {
    this.id = id;
    this.kind = kind;
    this.number = number;
    this.speed = new DeviceSpeed(id);
    this.transfer = new TransferLine(id);
    if (learning !== undefined) this.share(learning);
  }

  share(learning: SharedLearning): void {
    this.#learning = learning;
    this.speed.share(learning);
    // A CPU reads the caller's memory: its line never learns anything, and names are not for wasting.
    if (this.kind !== 'cpu') this.transfer.share(learning);
    for (const line of this.lines) line?.share(learning);
  }

  line(task: Task, work: Work): CostLine {
    return this.lines[task.number] ?? this.#addLine(task, work);
  }

  #addLine(task: Task, work: Work): CostLine {
    const name = `adaptive/cost/${task.operation}/${task.shape}/${this.id}`;
    const line = new CostLine(name, genericCost(this.kind, work));
    if (this.#learning !== undefined) line.share(this.#learning);
    this.lines[task.number] = line;
    return line;
  }
}
