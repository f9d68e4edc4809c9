import {
  err,
  ok,
  placementOf,
  prepareCosineSimilarity,
  prepareTopK,
  type Backend,
  type BackendError,
  type BackendErrorKind,
  type PhaseTimes,
  type PlacedMatrix,
  type PreparedCosineSimilarity,
  type PreparedTopK,
  type Result,
  type RowSpan,
  type VectorMatrix,
} from '@gearshift/contracts';
import { nextOperandId } from '@gearshift/contracts/internal';
import { createOracleBackend } from './oracle-backend.js';

/** A backend that places matrices in this process and calls it another machine. */
export interface PlacingBackend extends Backend {
  /** The files that can be placed, by path. */
  readonly files: Map<string, VectorMatrix>;
  /** Rows of every matrix that cannot be reached now. */
  lost: RowSpan | undefined;
}

type Answer = Result<PhaseTimes, BackendError>;

interface PlacedRows {
  readonly name: string;
  readonly rows: VectorMatrix;
  readonly handle: PlacedMatrix;
}

/** @param compute answers for the rows, wherever they are */
export function createPlacingBackend(id = 'remote', compute: Backend = createOracleBackend()): PlacingBackend {
  const fail = (kind: BackendErrorKind, message: string) => err({ kind, message, backend: id });
  const files = new Map<string, VectorMatrix>();
  let placed: PlacedRows[] = [];
  let generation = 0;

  const own = (answer: Answer): Answer => (answer.ok ? answer : err({ ...answer.error, backend: id }));
  const find = ({ placement, version }: PlacedMatrix) =>
    placed.find(({ handle }) => handle.placement === placement && handle.version === version);
  /** The request for the rows themselves, or why there is no answer. */
  const resolve = <R extends PreparedTopK | PreparedCosineSimilarity>(request: R) => {
    const placement = placementOf(request.matrix);
    if (placement === undefined) return request;
    if (!placement.startsWith(`${id}/`)) return fail('unsupported', `${placement} is not here`);
    const { id: operandId, version, rows: rowCount, dimensions } = request.matrix;
    const found = find({ id: operandId, version, rows: rowCount, dimensions, placement });
    if (found === undefined) return fail('stale', `generation ${version} was dropped`);
    const { lost } = backend;
    if (lost !== undefined && request.start < lost.end && request.end > lost.start) {
      return fail('unreachable', `the rows ${lost.start} to ${lost.end} cannot be reached`);
    }
    // A request with the same fields, which is checked again.
    return Object.assign({}, request, { matrix: found.rows });
  };

  const backend: PlacingBackend = {
    id,
    kind: 'remote',
    dtypes: compute.dtypes,
    files,
    lost: undefined,
    describe: () => ({ id, kind: 'remote', device: 'fake', version: '0.0.0', source: 'portable', limitations: [] }),
    memory: () => compute.memory(),
    supports(request) {
      const placement = 'matrix' in request ? placementOf(request.matrix) : undefined;
      if (placement === undefined) return compute.supports(request);
      return placement.startsWith(`${id}/`) || { reason: `${placement} is not here` };
    },
    residency: () => ({ residentBytes: 1, bytesToUpload: 0 }),
    placed: {
      async place(name, { files: paths, rows: rowCount, dimensions, label }, signal) {
        if (signal?.aborted === true) return fail('aborted', 'the request was aborted');
        const path = String(paths);
        const rows = files.get(path);
        if (rows?.rows !== rowCount || rows.dimensions !== dimensions)
          return fail('invalid-input', `no such file: ${path}`);
        const version = (generation += 1);
        const handle = { id: nextOperandId(), version, rows: rowCount, dimensions, label, placement: `${id}/${name}` };
        placed = [...placed.filter((one) => one.name !== name), { name, rows, handle }];
        return ok(handle);
      },
      find: (name) => placed.find((one) => one.name === name)?.handle,
      drop: (name) => void (placed = placed.filter((one) => one.name !== name)),
      has: ({ placement }) => placement.startsWith(`${id}/`),
      reachable(matrix) {
        if (find(matrix) === undefined) return [];
        const { lost } = backend;
        const spans = lost === undefined ? [] : [{ start: 0, end: lost.start }];
        spans.push({ start: lost?.end ?? 0, end: matrix.rows });
        return spans.filter(({ start, end }) => start < end);
      },
    },
    async cosineSimilarity(request, output, signal) {
      const asked = resolve(prepareCosineSimilarity(request));
      return 'ok' in asked ? asked : own(await compute.cosineSimilarity(asked, output, signal));
    },
    async topK(request, output, signal) {
      const asked = resolve(prepareTopK(request));
      return 'ok' in asked ? asked : own(await compute.topK(asked, output, signal));
    },
    spreadActivation: async (request, output, signal) => own(await compute.spreadActivation(request, output, signal)),
    close: () => compute.close(),
  };
  return backend;
}
