import {
  createGraph,
  createMatrix,
  createTopKOutput,
  finishTopK,
  ok,
  prepareTopK,
  type BackendDescription,
  type CsrGraph,
  type MemoryReading,
  type Operand,
  type OperationRequest,
  type PlacedMatrix,
  type PreparedTopK,
  type TopKOutput,
  type VectorMatrix,
} from '@gearshift/contracts';
import { expect, test } from 'vitest';
import { BackendFailures, CheckedBackend, NO_TIME, type Answer, type Failure } from '../src/index.js';

/** Computes nothing, and notes what it is asked for. */
class NotingBackend extends CheckedBackend {
  readonly id = 'noting';
  readonly kind = 'gpu';
  readonly noted: string[] = [];
  lost: string | undefined;
  failing: Failure | undefined;
  /** Work that requests wait for. */
  gate: Promise<void> = Promise.resolve();

  constructor() {
    super(new BackendFailures('noting'));
  }

  describe(): BackendDescription {
    return { id: this.id, kind: this.kind, device: 'none', version: '1.0.0', source: 'portable', limitations: [] };
  }

  memory(): MemoryReading {
    return { freeBytes: null, totalBytes: null, readAtMs: 0 };
  }

  protected override get isLost(): boolean {
    return this.lost !== undefined;
  }

  protected override whyUnusable(_request: OperationRequest): string | undefined {
    return this.lost;
  }

  protected override whyNotMatrix({ rows }: VectorMatrix | PlacedMatrix): string | undefined {
    return rows > 3 ? 'a matrix of more than 3 rows' : undefined;
  }

  protected override whyNotGraph(graph: CsrGraph): string | undefined {
    return graph.nodes > 3 ? 'a graph of more than 3 nodes' : super.whyNotGraph(graph);
  }

  protected override async ensure(operand: Operand): Promise<Failure | undefined> {
    const noted = await this.#note(`ensure ${operand.id}`);
    return noted.ok ? undefined : noted;
  }

  protected override score(): Promise<Answer> {
    return this.#note('score');
  }

  protected override async rank(prepared: PreparedTopK, output: TopKOutput): Promise<Answer> {
    const answer = await this.#note('rank');
    finishTopK(prepared, output);
    return answer;
  }

  protected override spread(): Promise<Answer> {
    return this.#note('spread');
  }

  protected override free(): void {
    this.noted.push('free');
  }

  async #note(what: string): Promise<Answer> {
    this.noted.push(what);
    await this.gate;
    return this.failing ?? ok({ ...NO_TIME, kernelMs: 1, totalMs: 1 });
  }
}

const matrixOf = (rows: number) => createMatrix(new Float32Array(2 * rows).fill(1), { dimensions: 2 });
const graphOf = (nodes: number) =>
  createGraph({
    nodes,
    rowPointers: new Uint32Array(nodes + 1),
    columns: new Uint32Array(),
    weights: new Float32Array(),
  });
const query = Float32Array.of(1, 2);
const score = (matrix: VectorMatrix) => ({ operation: 'cosine-similarity', query, matrix }) as const;
const rank = (matrix: VectorMatrix) => ({ operation: 'top-k', query, matrix, k: 2 }) as const;
const spread = (nodes: number, hops: number) =>
  ({
    operation: 'spread-activation',
    graph: graphOf(nodes),
    activations: new Float32Array(nodes).fill(7),
    hops,
  }) as const;
const outputOf = (rows: number) => createTopKOutput(prepareTopK(rank(matrixOf(rows))));

/** A call of each operation on operands of so many rows and nodes. */
const callsOf = (backend: NotingBackend, size: number, signal?: AbortSignal) => [
  backend.cosineSimilarity(score(matrixOf(size)), new Float32Array(size), signal),
  backend.topK(rank(matrixOf(size)), outputOf(size), signal),
  backend.spreadActivation(spread(size, 1), new Float32Array(size), signal),
];

test('work begins in the turn of the call, and its answer is that of the request', async () => {
  const backend = new NotingBackend();
  const calls = callsOf(backend, 2);
  expect(backend.noted).toEqual(['score', 'rank', 'spread']);
  for (const call of calls) expect(await call).toMatchObject({ ok: true, value: { kernelMs: 1 } });
});

test('a mistake of the caller is thrown before anything is computed', async () => {
  const backend = new NotingBackend();
  await expect(backend.cosineSimilarity(score(matrixOf(2)), new Float32Array(1))).rejects.toThrow('output');
  await expect(backend.topK(rank(matrixOf(2)), { ...outputOf(2), scores: new Float32Array(1) })).rejects.toThrow(
    'output.scores',
  );
  await expect(backend.spreadActivation(spread(2, -1), new Float32Array(2))).rejects.toThrow('hops');
  await expect(backend.makeResident({} as VectorMatrix)).rejects.toThrow(TypeError);
  expect(backend.noted).toEqual([]);
});

test('a request with nothing to compute is answered without work', async () => {
  const backend = new NotingBackend();
  expect(await backend.cosineSimilarity(score(matrixOf(0)), new Float32Array())).toEqual(ok(NO_TIME));
  const ranking = outputOf(0);
  expect(await backend.topK(rank(matrixOf(0)), ranking)).toEqual(ok(NO_TIME));
  expect(ranking.count).toBe(0);
  expect(await backend.spreadActivation(spread(0, 1), new Float32Array())).toEqual(ok(NO_TIME));
  const unchanged = new Float32Array(2);
  expect(await backend.spreadActivation(spread(2, 0), unchanged)).toEqual(ok(NO_TIME));
  expect([...unchanged]).toEqual([7, 7]);
  expect(backend.noted).toEqual([]);
});

test('what the device cannot compute is refused, and after its loss everything', async () => {
  const backend = new NotingBackend();
  const reasons = ['a matrix of more than 3 rows', 'a matrix of more than 3 rows', 'a graph of more than 3 nodes'];
  const refusals = await Promise.all(callsOf(backend, 4));
  expect(refusals.map((answer) => (answer.ok ? 'ok' : [answer.error.kind, answer.error.message]))).toEqual(
    reasons.map((reason) => ['unsupported', reason]),
  );
  expect(backend.supports(rank(matrixOf(3)))).toBe(true);
  expect(backend.supports(rank(matrixOf(4)))).toEqual({ reason: 'a matrix of more than 3 rows' });
  const unknown = { ...rank(matrixOf(3)), operation: 'sort' } as unknown as OperationRequest;
  expect(backend.supports(unknown)).toEqual({ reason: 'the operation sort is not known' });
  backend.lost = 'the device was removed';
  for (const call of callsOf(backend, 2)) {
    expect(await call).toMatchObject({ ok: false, error: { kind: 'device-lost', message: 'the device was removed' } });
  }
  expect(backend.noted).toEqual([]);
});

test('an aborted request is refused, and so is every one after close()', async () => {
  const backend = new NotingBackend();
  for (const call of callsOf(backend, 2, AbortSignal.abort())) {
    expect(await call).toMatchObject({ ok: false, error: { kind: 'aborted', backend: 'noting' } });
  }
  await backend.close();
  for (const call of [...callsOf(backend, 2), backend.makeResident(matrixOf(2))]) {
    expect(await call).toMatchObject({ ok: false, error: { kind: 'unsupported', message: 'the backend is closed' } });
  }
  expect(backend.supports(rank(matrixOf(2)))).toEqual({ reason: 'the backend is closed' });
  expect(backend.noted).toEqual(['free']);
});

test('close() frees everything once, after the requests and copies that are under way', async () => {
  const backend = new NotingBackend();
  const matrix = matrixOf(2);
  let open = () => {};
  backend.gate = new Promise((resolve) => (open = resolve));
  const calls = [...callsOf(backend, 2), backend.makeResident(matrix)];
  const closing = [backend.close(), backend.close()];
  expect(backend.noted).toEqual(['score', 'rank', 'spread', `ensure ${matrix.id}`]);
  open();
  for (const call of calls) expect(await call).toMatchObject({ ok: true });
  await Promise.all(closing);
  expect(backend.noted.slice(4)).toEqual(['free']);
});

test('a copy takes the time of an upload, or fails as the device says', async () => {
  const backend = new NotingBackend();
  const made = await backend.makeResident(matrixOf(2));
  if (!made.ok) throw new Error(made.error.message);
  expect(made.value.uploadMs).toBe(made.value.totalMs);
  expect(made.value.kernelMs).toBe(0);
  backend.failing = new BackendFailures('noting').of('out-of-memory', 'no memory');
  expect(await backend.makeResident(matrixOf(2))).toMatchObject({ ok: false, error: { kind: 'out-of-memory' } });
});
