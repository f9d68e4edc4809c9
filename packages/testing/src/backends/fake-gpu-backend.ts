import {
  err,
  ok,
  prepareCosineSimilarity,
  prepareOperand,
  prepareSpreadActivation,
  prepareTopK,
  requireOutput,
  requireTopKOutput,
  type Backend,
  type BackendError,
  type BackendErrorKind,
  type MemoryReading,
  type Operand,
  type OperationRequest,
  type PhaseTimes,
  type PreparedRequest,
  type Result,
  type TopKOutput,
  type UnsupportedReason,
} from '@gearshift/contracts';
import { isGraph, operationOf, refusePlaced } from '@gearshift/contracts/internal';
import { REAL_CLOCK, type FakeClock } from './fake-clock.js';
import { createOracleBackend } from './oracle-backend.js';

/**
 * The outcome of a call: a correct answer, a success with wrong numbers, a hang until it is aborted, or an error of a
 * kind.
 */
export type FakeOutcome = 'success' | 'wrong-numbers' | 'hang' | BackendErrorKind;

/** One call that reached the fake device. */
export interface FakeCall {
  /** From 0. */
  readonly number: number;
  readonly operation: PreparedRequest['operation'] | 'make-resident';
  readonly operandId: number;
  /** Requested rows or nodes. */
  readonly start: number;
  readonly end: number;
  /** Bytes that had to be uploaded first. */
  readonly uploadBytes: number;
  readonly startedAtMs: number;
}

export interface LoggedCall extends FakeCall {
  readonly outcome: FakeOutcome;
}

export interface FakeGpuOptions {
  /** Default `'fake:0'`. */
  readonly id?: string;
  /** Outcomes of the operations in order, success after the last one; or a function that is called for every call. */
  readonly script?: readonly FakeOutcome[] | ((call: FakeCall) => FakeOutcome);
  /** How long each call takes; default 0, which still ends the event loop turn. */
  readonly latencyMs?: number | ((call: FakeCall) => number);
  /** Default: the real one. */
  readonly clock?: FakeClock;
  /** Memory of the device, for resident copies; default 1 GiB. */
  readonly totalBytes?: number;
  /** Bytes that other processes hold, called at every reading; default none. */
  readonly takenBytes?: () => number;
  /** Computes the correct answers; default: the oracle. */
  readonly compute?: Backend;
  readonly supports?: (request: OperationRequest) => true | UnsupportedReason;
}

export interface FakeGpuBackend extends Backend {
  readonly kind: 'gpu';
  readonly calls: readonly LoggedCall[];
  makeResident(operand: Operand, signal?: AbortSignal): Promise<Result<PhaseTimes, BackendError>>;
  residency(operand: Operand): { residentBytes: number; bytesToUpload: number };
  release(operand: Operand): void;
}

type Answer = Result<PhaseTimes, BackendError>;

/** A GPU for tests: it follows its script and logs its calls. */
export function createFakeGpuBackend(options: FakeGpuOptions = {}): FakeGpuBackend {
  const { id = 'fake:0', script = [], latencyMs = 0, clock = REAL_CLOCK, totalBytes = 2 ** 30 } = options;
  const {
    takenBytes = () => 0,
    compute = createOracleBackend(),
    supports = (request: OperationRequest) => compute.supports(request),
  } = options;
  const calls: LoggedCall[] = [];
  const residents = new Map<number, { readonly version: number; readonly bytes: number }>();
  const closing = new AbortController();
  const underWay = new Set<Promise<Answer>>();
  let operations = 0;

  const fail = (kind: BackendErrorKind, message: string, details: Partial<BackendError> = {}): Answer =>
    err({ ...details, kind, message, backend: id });
  const memory = (): MemoryReading => {
    const resident = [...residents.values()].reduce((sum, { bytes }) => sum + bytes, 0);
    return { freeBytes: Math.max(0, totalBytes - resident - takenBytes()), totalBytes, readAtMs: clock.nowMs() };
  };
  const residentBytes = (operand: Operand) => {
    const resident = residents.get(operand.id);
    return resident?.version === operand.version ? resident.bytes : 0;
  };
  const bytesToUpload = (operand: Operand) => (residentBytes(operand) > 0 ? 0 : operandBytes(operand));

  const log = (operation: FakeCall['operation'], operand: Operand, start: number, end: number): LoggedCall => {
    const call: FakeCall = {
      number: calls.length,
      operation,
      operandId: operand.id,
      start,
      end,
      uploadBytes: bytesToUpload(operand),
      startedAtMs: clock.nowMs(),
    };
    let outcome: FakeOutcome = 'success';
    if (typeof script === 'function') outcome = script(call);
    else if (operation !== 'make-resident') outcome = script[operations++] ?? 'success';
    const logged = { ...call, outcome };
    calls.push(logged);
    return logged;
  };

  const act = async (call: LoggedCall, succeed: () => Promise<Answer>, signal?: AbortSignal): Promise<Answer> => {
    if (call.outcome === 'hang')
      await untilAborted(signal === undefined ? closing.signal : AbortSignal.any([signal, closing.signal]));
    else await clock.sleep(typeof latencyMs === 'number' ? latencyMs : latencyMs(call), signal);
    if (signal?.aborted === true) return fail('aborted', 'the request was aborted');
    switch (call.outcome) {
      case 'success':
      case 'wrong-numbers': {
        const answer = await succeed();
        if (!answer.ok) return err({ ...answer.error, backend: id });
        const totalMs = clock.nowMs() - call.startedAtMs;
        return ok({ queueMs: 0, uploadMs: 0, kernelMs: totalMs, downloadMs: 0, totalMs, fused: true });
      }
      case 'hang':
        return fail('device-lost', 'the device was closed while it hung');
      case 'out-of-memory': {
        const freeBytes = memory().freeBytes ?? 0;
        return fail('out-of-memory', 'scripted', { nativeCode: 2, requestedBytes: freeBytes + 1, freeBytes });
      }
      default:
        return fail(call.outcome, 'scripted');
    }
  };
  const track = async (work: () => Promise<Answer>, signal: AbortSignal | undefined): Promise<Answer> => {
    if (closing.signal.aborted) return fail('unsupported', 'the backend is closed');
    if (signal?.aborted === true) return fail('aborted', 'the request was aborted');
    const running = work();
    underWay.add(running);
    try {
      return await running;
    } finally {
      underWay.delete(running);
    }
  };
  const run = (request: PreparedRequest, spoil: () => void, succeed: () => Promise<Answer>, signal?: AbortSignal) =>
    track(async () => {
      const reason = request.operation === 'spread-activation' ? undefined : refusePlaced(request.matrix);
      if (reason !== undefined) return fail('unsupported', reason);
      const operand = operationOf(request).operandOf(request);
      const call = log(request.operation, operand, request.start, request.end);
      const answer = await act(call, succeed, signal);
      if (answer.ok && call.outcome === 'wrong-numbers') spoil();
      return answer;
    }, signal);

  return {
    id,
    kind: 'gpu',
    dtypes: compute.dtypes,
    calls,
    memory,
    describe: () => ({ id, kind: 'gpu', device: 'fake', version: '0.0.0', source: 'portable', limitations: [] }),
    supports: (request) => (closing.signal.aborted ? { reason: 'the backend is closed' } : supports(request)),
    residency: (operand) => ({ residentBytes: residentBytes(operand), bytesToUpload: bytesToUpload(operand) }),
    release: (operand) => void residents.delete(operand.id),
    async makeResident(operand, signal) {
      const checked = prepareOperand(operand);
      const upload = async (): Promise<Answer> => {
        residents.delete(checked.id);
        const requestedBytes = operandBytes(checked);
        const freeBytes = memory().freeBytes ?? 0;
        if (requestedBytes > freeBytes) {
          return fail('out-of-memory', 'the copy does not fit', { nativeCode: 2, requestedBytes, freeBytes });
        }
        residents.set(checked.id, { version: checked.version, bytes: requestedBytes });
        return ok({ queueMs: 0, uploadMs: 0, kernelMs: 0, downloadMs: 0, totalMs: 0, fused: false });
      };
      const rows = 'rows' in checked ? checked.rows : checked.nodes;
      return track(() => act(log('make-resident', checked, 0, rows), upload, signal), signal);
    },
    async cosineSimilarity(request, output, signal) {
      const prepared = prepareCosineSimilarity(request);
      requireOutput(prepared, output);
      const succeed = () => compute.cosineSimilarity(prepared, output);
      return run(prepared, () => spoilScores(output), succeed, signal);
    },
    async topK(request, output, signal) {
      const prepared = prepareTopK(request);
      requireTopKOutput(prepared, output);
      const spoil = () => spoilRanking(output, prepared.outputLength);
      return run(prepared, spoil, () => compute.topK(prepared, output), signal);
    },
    async spreadActivation(request, output, signal) {
      const prepared = prepareSpreadActivation(request);
      requireOutput(prepared, output);
      const succeed = () => compute.spreadActivation(prepared, output);
      return run(prepared, () => spoilScores(output), succeed, signal);
    },
    async close() {
      closing.abort();
      while (underWay.size > 0) await Promise.allSettled(underWay);
      residents.clear();
    },
  };
}

function operandBytes(operand: Operand): number {
  if (!isGraph(operand)) return operand.values.byteLength;
  return operand.rowPointers.byteLength + operand.columns.byteLength + operand.weights.byteLength;
}

function untilAborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}

/** Wrong numbers with the correct shape and a plausible size. */
function spoilScores(output: Float32Array): void {
  for (let i = 0; i < output.length; i++) output[i] = output[i] * 0.5 + 0.25;
}

function spoilRanking(output: TopKOutput, elementCount: number): void {
  spoilScores(output.scores.subarray(0, elementCount));
  output.indices.subarray(0, elementCount).reverse();
}
