import {
  ok,
  placementOf,
  type BackendDescription,
  type CsrGraph,
  type MemoryReading,
  type Operand,
  type OperationRequest,
  type PlacedMatrix,
  type PreparedCosineSimilarity,
  type PreparedSpreadActivation,
  type PreparedTopK,
  type Residency,
  type TopKOutput,
  type VectorMatrix,
} from '@gearshift/contracts';
import { CheckedPlacedMatrix, requireMatrix } from '@gearshift/contracts/internal';
import { CheckedBackend, isMatrix, NO_TIME, type Answer, type Failure } from '@gearshift/native-kit';
import { decodeAnnouncement } from './messages/announcement.js';
import { encodeHandOver } from './messages/hand-over.js';
import { contentBytes, MOST_ROWS } from './messages/shard-spec.js';
import { PACKAGE_VERSION } from './package-version.js';
import { PlacedMatrices } from './placed/placed-matrices.js';
import { planShards } from './placement/plan-shards.js';
import type { Placement } from './placement/placement.js';
import type { QueryContext } from './queries/query-context.js';
import { refuseDimensions, runScan } from './queries/run-scan.js';
import { refuseNodes, runSpread } from './queries/run-spread.js';
import type { SlowestTimes } from './queries/slowest-times.js';
import { BulkConnection } from './transport/bulk-connection.js';
import { PlacedOperands } from './residency/placed-operands.js';
import { CopyKeeper, type ShardTotals } from './residency/copy-keeper.js';
import { NamedFiles } from './residency/named-files.js';
import { placerOf, type Placer } from './residency/placer.js';

/** The operations on the workers of a cluster, each with some of the rows. */
export class ClusterBackend extends CheckedBackend {
  readonly id: string;
  readonly kind = 'remote';
  protected override readonly noTime = { ...NO_TIME, networkMs: 0 };
  protected override readonly isLost = false;
  /** Matrices that workers load by themselves. */
  readonly placed: PlacedMatrices;
  readonly #context: QueryContext;
  readonly #bulk: BulkConnection;
  readonly #placer: Placer;
  readonly #operands: PlacedOperands;
  readonly #keeper: CopyKeeper;
  readonly #ends: (() => void)[];

  constructor(context: QueryContext, mostShards: number | undefined) {
    super(context.failures);
    this.id = context.backend;
    this.#context = context;
    const { transport, subjects, directory, failures } = context;
    this.#bulk = new BulkConnection(transport);
    this.#placer = placerOf(context, mostShards, this.#bulk);
    this.#operands = new PlacedOperands(this.#placer, directory, context.clock, failures);
    this.placed = new PlacedMatrices(context, this.#placer, this.state);
    const sources = [this.#operands, new NamedFiles(this.#placer, directory)];
    const keeper = (this.#keeper = new CopyKeeper(context, this.#placer, sources));
    this.#ends = [
      () => keeper.close(),
      transport.watch(subjects.everyState, {}, ({ data, respond }) => {
        const said = decodeAnnouncement(data);
        if (typeof said === 'string') return;
        directory.hear(said);
        keeper.look();
        // A worker that is about to leave asks whether to stay for a while.
        if (said.isDraining) respond(encodeHandOver(keeper.owes(said.worker)));
      }),
      transport.onConnection((isConnected) => {
        if (isConnected) this.askWho();
      }),
    ];
  }

  /** Copies of the shards that this process can bring to workers. */
  get copies(): ShardTotals {
    return this.#keeper.totals();
  }

  /** Asks all workers to announce themselves. */
  askWho(): void {
    try {
      this.#context.transport.send(this.#context.subjects.who, new Uint8Array());
    } catch {
      // Without a connection, and again when there is one.
    }
  }

  describe(): BackendDescription {
    const { live } = this.#context.directory;
    const mix = this.#placer.refuseMix();
    const noWorker = live.length === 0 ? ['no worker is there'] : [];
    return {
      id: this.id,
      kind: this.kind,
      device: `${live.length} ${live.length === 1 ? 'worker' : 'workers'}`,
      version: PACKAGE_VERSION,
      source: 'portable',
      limitations: mix === undefined ? noWorker : [...noWorker, mix],
    };
  }

  /** Each worker gets an equal share, so the one with the least memory decides; replicas divide it. */
  memory(): MemoryReading {
    const { directory, replicas } = this.#context;
    const workers = directory.live.filter(({ isDraining }) => !isDraining);
    const readAtMs = performance.now();
    if (workers.length === 0 || this.state.isClosed) return { freeBytes: null, totalBytes: null, readAtMs };
    const copies = Math.min(replicas, workers.length);
    const least = (bytes: readonly number[]) => Math.floor((Math.min(...bytes) * workers.length) / copies);
    const totalBytes = least(workers.map(({ maxBytes }) => maxBytes));
    const freeBytes = Math.min(totalBytes, least(workers.map((worker) => worker.freeBytes)));
    return { freeBytes, totalBytes: totalBytes > 0 ? totalBytes : null, readAtMs };
  }

  residency(given: Operand): Residency {
    const operand = isMatrix(given) ? requireMatrix(given) : given;
    if (isPlaced(operand)) return { residentBytes: this.placed.residentBytes(operand), bytesToUpload: 0 };
    const residentBytes = this.#operands.residentBytes(operand);
    if (residentBytes > 0) return { residentBytes, bytesToUpload: 0 };
    const replicas = Math.max(1, Math.min(this.#context.replicas, this.#context.directory.live.length));
    const [whole] = planShards(operand, 'whole', 0, 1);
    return { residentBytes: 0, bytesToUpload: whole === undefined ? 0 : contentBytes(whole) * replicas };
  }

  release(operand: Operand): void {
    this.#operands.release(operand);
  }

  /** What is placed already is on workers of one profile. */
  protected override whyUnusable(request: OperationRequest): string | undefined {
    return this.#isPlaced(request) ? undefined : this.#placer.refuseMix();
  }

  protected override whyNotMatrix(matrix: VectorMatrix | PlacedMatrix): string | undefined {
    const placement = placementOf(matrix);
    if (placement !== undefined && !this.placed.has(matrix as PlacedMatrix)) {
      return `the matrix is placed as ${placement}, which is not in this cluster`;
    }
    if (matrix.rows > MOST_ROWS) return `a matrix of more than ${MOST_ROWS} rows`;
    return refuseDimensions(matrix.dimensions, this.#context.transport.maxPayloadBytes);
  }

  protected override whyNotGraph({ nodes }: CsrGraph): string | undefined {
    return refuseNodes(nodes);
  }

  protected override refuse(signal: AbortSignal | undefined, request?: OperationRequest): Failure | undefined {
    const refusal = super.refuse(signal, request);
    if (refusal !== undefined || this.#context.transport.connected) return refusal;
    // Never buffered: the request would run too late.
    return this.failures.of('unreachable', 'there is no connection to the cluster');
  }

  protected override async ensure(operand: Operand, signal: AbortSignal | undefined): Promise<Failure | undefined> {
    const placed = await this.#operands.ensure(operand, signal, { uploadMs: 0 });
    return 'error' in placed ? placed : undefined;
  }

  protected override async free(): Promise<void> {
    for (const end of this.#ends) end();
    this.#operands.close();
    this.#context.directory.close();
    await this.#bulk.close();
    await this.#context.transport.drain();
  }

  protected override score(
    prepared: PreparedCosineSimilarity,
    output: Float32Array,
    signal: AbortSignal | undefined,
  ): Promise<Answer> {
    return this.#scan(prepared, output, signal);
  }

  protected override rank(
    prepared: PreparedTopK,
    output: TopKOutput,
    signal: AbortSignal | undefined,
  ): Promise<Answer> {
    return this.#scan(prepared, output, signal);
  }

  protected override spread(
    prepared: PreparedSpreadActivation,
    output: Float32Array,
    signal: AbortSignal | undefined,
  ): Promise<Answer> {
    const activations = prepared.activations.slice();
    return this.#run(prepared.graph, signal, (placement) =>
      runSpread(this.#context, placement, prepared, activations, output, signal),
    );
  }

  #scan(
    prepared: PreparedTopK | PreparedCosineSimilarity,
    output: TopKOutput | Float32Array,
    signal: AbortSignal | undefined,
  ): Promise<Answer> {
    const query = prepared.query.slice();
    return this.#run(prepared.matrix, signal, (placement) =>
      runScan(this.#context, placement, prepared, query, output, signal),
    );
  }

  /** Runs a request on the placement of its operand. */
  async #run(
    operand: Operand,
    signal: AbortSignal | undefined,
    run: (placement: Placement) => Promise<SlowestTimes | Failure>,
  ): Promise<Answer> {
    const { clock } = this.#context;
    const startedAtMs = clock.nowMs();
    const upload = { uploadMs: 0 };
    const placed = isPlaced(operand)
      ? this.placed.resolve(operand)
      : (this.#operands.find(operand) ?? (await this.#operands.ensure(operand, signal, upload)));
    if ('error' in placed) return placed;
    if (signal?.aborted === true) return this.#context.failures.aborted();
    const endUse = placed.use();
    try {
      const times = await run(placed);
      if ('error' in times) return this.#whyFailed(operand, times);
      return ok(times.phases(upload.uploadMs, clock.nowMs() - startedAtMs));
    } finally {
      endUse();
    }
  }

  /** Workers that drop a matrix while a request is on its way cannot be reached for it: then that it was dropped is the reason. */
  #whyFailed(operand: Operand, failure: Failure): Failure {
    if (failure.error.kind !== 'unreachable' || !isPlaced(operand)) return failure;
    const found = this.placed.resolve(operand);
    return 'error' in found ? found : failure;
  }

  #isPlaced(request: OperationRequest): boolean {
    const operand = 'matrix' in request ? requireMatrix(request.matrix) : request.graph;
    return isPlaced(operand) || this.#operands.find(operand) !== undefined;
  }
}

function isPlaced(operand: Operand): operand is CheckedPlacedMatrix {
  return CheckedPlacedMatrix.is(operand);
}
