import { expected } from '@gearshift/contracts/internal';

/** What one token of a subject may be: the names of clusters and workers, and keys of operands. */
const TOKEN = /^[A-Za-z0-9_-]{1,64}$/;

export function isToken(value: unknown): value is string {
  return typeof value === 'string' && TOKEN.test(value);
}

/** `value` as a name that a subject can contain. */
export function requireToken(name: string, value: unknown): string {
  if (isToken(value)) return value;
  const message = expected(name, '1 to 64 letters, digits, - or _', value);
  throw typeof value === 'string' ? new RangeError(message) : new TypeError(message);
}

/** What is sent to one worker by name. */
export type WorkerTopic = 'query' | 'load' | 'push' | 'drop' | 'cancel';

/** The subjects of one cluster. */
export class Subjects {
  /** Its name. */
  readonly cluster: string;
  readonly #prefix: string;

  /** @param cluster its name, checked */
  constructor(cluster: string) {
    this.cluster = cluster;
    this.#prefix = `gearshift.${cluster}`;
  }

  /** Asks all workers to announce themselves. */
  get who(): string {
    return `${this.#prefix}.who`;
  }

  get everyState(): string {
    return this.state('*');
  }

  state(worker: string): string {
    return `${this.#prefix}.state.${worker}`;
  }

  /** Reaches one holder of each shard, through its queue group. */
  query(key: string, generation: number): string {
    return `${this.#prefix}.query.${key}.${generation}`;
  }

  worker(worker: string, topic: WorkerTopic): string {
    return `${this.#prefix}.worker.${worker}.${topic}`;
  }
}

/** The queue group of the holders of a shard. */
export function queueOf(shard: number): string {
  return `shard-${shard}`;
}
