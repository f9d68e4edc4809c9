import { mkdtemp, rm } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createMatrix, unwrap, type PlacedMatrix, type VectorMatrix } from '@gearshift/contracts';
import { startNatsCluster, startNatsServer, startProxy, type NatsServer, type Proxy } from '@gearshift/nats-server';
import { saveMatrix, StoredMatrix } from '@gearshift/storage';
import type { ClusterBackend, createClusterBackend } from '@gearshift/backend-cluster';
import { Child } from './child.js';
import { valuesWithTies } from './questions.js';

export const NAME = 'chaos';
export const PLACED = 'vectors';
export const WORKERS = ['w0', 'w1', 'w2', 'w3', 'w4'] as const;
export const COORDINATORS = ['c0', 'c1'] as const;
export type WorkerName = (typeof WORKERS)[number];
export type CoordinatorName = (typeof COORDINATORS)[number];

export const DIMENSIONS = 16;
/** Of a worker, for all of its shards. */
export const MAX_BYTES = 2 ** 21;
export const TIMEOUT_MS = 3000;
/** Each file has another number of rows, by which an answer names the file that it must be from. */
const FILE_ROWS = [900, 1021, 777] as const;

/** So that operands take several messages, and a consumer that does not read is cut off soon. */
const config = 'max_payload: 65536\nmax_pending: 1MB\nwrite_deadline: "500ms"';
const START_MS = 20_000;
const CLOSE_MS = 20_000;
/** An order may be lost, and is repeated after ten seconds. */
const PLACE_MS = 60_000;

/** The package under test: the built one, or a copy with a planted defect. */
export interface PackageUnderTest {
  /** The URL of its main file. */
  readonly entry: string;
  readonly createClusterBackend: typeof createClusterBackend;
}

/** Servers, workers in processes of their own, and two coordinators in this one; each party has a link that can be made worse. */
export class Stage {
  readonly tested: PackageUnderTest;
  readonly servers: readonly NatsServer[];
  /** None with three servers. */
  readonly links = new Map<string, Proxy>();
  readonly workers = new Map<WorkerName, Child>();
  readonly coordinators = new Map<CoordinatorName, ClusterBackend>();
  readonly files: readonly { readonly path: string; readonly matrix: VectorMatrix }[] = [];
  readonly folder: string;
  readonly #end: () => Promise<void>;
  /** What must not happen, in words. */
  readonly violations: string[] = [];

  private constructor(
    tested: PackageUnderTest,
    folder: string,
    servers: readonly NatsServer[],
    end: () => Promise<void>,
  ) {
    this.tested = tested;
    this.folder = folder;
    this.servers = servers;
    this.#end = end;
  }

  static async start(tested: PackageUnderTest, servers: 1 | 3): Promise<Stage> {
    const folder = await mkdtemp(join(tmpdir(), 'gearshift-chaos-'));
    const started = servers === 1 ? await startNatsServer({ config }) : await startNatsCluster({ config });
    const list = 'servers' in started ? started.servers : [started];
    const stage = new Stage(tested, folder, list, () => Promise.resolve(started[Symbol.asyncDispose]()));
    try {
      await stage.#fill();
      return stage;
    } catch (error) {
      await stage.close();
      throw error;
    }
  }

  /** The addresses of the servers for one party. */
  urlsOf(party: string): string | string[] {
    return this.links.get(party)?.url ?? this.servers.map(({ url }) => url);
  }

  async startWorker(name: WorkerName): Promise<Child> {
    const { entry } = this.tested;
    const common = { entry, name: NAME, dataRoot: this.folder, maxBytes: MAX_BYTES };
    const child = await Child.start('chaos-worker.mjs', { ...common, servers: this.urlsOf(name), worker: name });
    this.workers.set(name, child);
    void child.exit.then(({ code, signal }) => {
      const isRight = child.isEnded && (code === 0 || signal === 'SIGKILL');
      if (!isRight) this.violations.push(`${name} ended with ${code ?? signal}: ${child.output}`);
      else if (/GEARSHIFT_HANDLER|Error:/.test(child.output)) this.violations.push(`${name} printed: ${child.output}`);
    });
    return child;
  }

  /** Starts those that have ended, when a server can be reached. */
  async startMissingWorkers(): Promise<void> {
    const missing = WORKERS.filter((name) => this.workers.get(name)?.isRunning !== true);
    await Promise.all(missing.map((name) => this.startWorker(name)));
  }

  async startCoordinator(name: CoordinatorName): Promise<void> {
    const options = { servers: this.urlsOf(name), tls: false, name: NAME, id: `cluster:${name}` } as const;
    const limits = { timeoutMs: TIMEOUT_MS, leastWorkers: WORKERS.length, discoverMs: START_MS };
    this.coordinators.set(name, unwrap(await this.tested.createClusterBackend({ ...options, ...limits })));
  }

  coordinator(name: CoordinatorName): ClusterBackend {
    const found = this.coordinators.get(name);
    if (found === undefined) throw new Error(`${name} is not there`);
    return found;
  }

  /**
   * Lets the workers load a file. That it does not end is a violation.
   *
   * @param abortAfterMs never if undefined
   * @returns the new generation, or undefined where that failed
   */
  async place(
    name: CoordinatorName,
    file: number,
    abortAfterMs: number | undefined,
  ): Promise<PlacedMatrix | undefined> {
    const { path, matrix } = this.files[file % this.files.length];
    const { rows, dimensions } = matrix;
    const signal = abortAfterMs === undefined ? undefined : AbortSignal.timeout(abortAfterMs);
    const placing = this.coordinator(name).placed.place(PLACED, { files: path, rows, dimensions }, signal);
    const placed = await endOf(placing, PLACE_MS);
    if (placed === undefined) this.violations.push(`${name} has not placed a file after ${PLACE_MS} ms`);
    return placed?.ok === true ? placed.value : undefined;
  }

  /** The rows of a placed matrix as this process has them. */
  rowsOf({ rows }: PlacedMatrix): VectorMatrix {
    const file = this.files.find(({ matrix }) => matrix.rows === rows);
    if (file === undefined) throw new Error(`no file has ${rows} rows`);
    return file.matrix;
  }

  /** Ends everything, and says what is left of it. */
  async close(): Promise<void> {
    for (const [name, backend] of this.coordinators) {
      const closed = await endOf(
        backend.close().then(() => true),
        CLOSE_MS,
      );
      if (closed === undefined) this.violations.push(`${name} does not close`);
    }
    this.coordinators.clear();
    for (const child of this.workers.values()) child.signal('SIGCONT');
    await Promise.all(
      Array.from(this.workers, async ([name, child]) => {
        if ((await endOf(child.end('SIGTERM'), CLOSE_MS)) !== undefined) return;
        this.violations.push(`${name} does not end`);
        await child.end('SIGKILL');
      }),
    );
    for (const [party, link] of this.links) {
      if (link.connectionCount > 0) this.violations.push(`${link.connectionCount} connections of ${party} are left`);
      await link[Symbol.asyncDispose]();
    }
    await this.#end();
    await rm(this.folder, { recursive: true });
  }

  async #fill(): Promise<void> {
    const [server] = this.servers;
    if (this.servers.length === 1) {
      for (const party of [...WORKERS, ...COORDINATORS]) this.links.set(party, await startProxy(server.port));
    }
    for (const [i, rows] of FILE_ROWS.entries()) {
      const values = valuesWithTies(rows, DIMENSIONS, 50 + i);
      const stored = StoredMatrix.create(rows, { dimensions: DIMENSIONS }, (target) => target.set(values));
      await saveMatrix(stored, join(this.folder, `rows-${i}`));
      await stored[Symbol.asyncDispose]();
      (this.files as { path: string; matrix: VectorMatrix }[]).push({
        path: `rows-${i}`,
        matrix: createMatrix(values, { dimensions: DIMENSIONS }),
      });
    }
    await this.startMissingWorkers();
    for (const name of COORDINATORS) await this.startCoordinator(name);
    if ((await this.place('c0', 0, START_MS)) === undefined) throw new Error('the first file was not placed');
  }
}

/** What a promise resolves with, or undefined if it takes longer. */
async function endOf<T>(promise: Promise<T>, withinMs: number): Promise<T | undefined> {
  const end = new AbortController();
  const late = sleep(withinMs, undefined, { signal: end.signal }).catch(() => undefined);
  try {
    return await Promise.race([promise, late]);
  } finally {
    end.abort();
  }
}
