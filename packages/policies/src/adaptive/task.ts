import type { OperationName, Work, WorkShape } from '@gearshift/contracts';
import { unitsOf } from './generic-cost.js';

/** Requests whose time is one curve over the amount of work: of one operation and one shape. */
export interface Task {
  readonly number: number;
  readonly operation: OperationName;
  readonly shape: WorkShape;
  /** Of the last request, to say sizes in terms that people think in. */
  unit: 'flop' | 'byte';
  unitsPerItem: number;
  operandBytesPerUnit: number;
  typicalFlops: number;
  typicalBytes: number;
}

/** The tasks that came up so far, looked up without allocating. */
export class TaskList {
  readonly tasks: Task[] = [];
  readonly #byShape = new Map<OperationName, Map<WorkShape, Task>>();
  /** The one asked for last: most programs ask for the same again, and comparing beats looking up. */
  #last: Task | undefined;

  /** @param work of the first request of its kind; later ones find the same task. */
  of(work: Work): Task {
    const last = this.#last;
    if (last?.operation === work.operation && last.shape === work.shape) return last;
    return (this.#last = this.#byShape.get(work.operation)?.get(work.shape) ?? this.#add(work));
  }

  #add(work: Work): Task {
    const { operation, shape } = work;
    const task: Task = {
      number: this.tasks.length,
      operation,
      shape,
      unit: 'flop',
      unitsPerItem: 1,
      operandBytesPerUnit: 0,
      typicalFlops: 0,
      typicalBytes: 0,
    };
    remember(task, work);
    let shapes = this.#byShape.get(operation);
    if (shapes === undefined) this.#byShape.set(operation, (shapes = new Map<WorkShape, Task>()));
    shapes.set(shape, task);
    this.tasks.push(task);
    return task;
  }
}

export function remember(task: Task, work: Work): void {
  const units = unitsOf(work);
  task.unit = work.flops > 0 ? 'flop' : 'byte';
  task.unitsPerItem = units / Math.max(1, work.batchSize);
  task.operandBytesPerUnit = work.rangeBytes / units;
  task.typicalFlops = work.flops;
  task.typicalBytes = work.bytes;
}
