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
  type DeviceKind,
  type Operand,
  type PhaseTimes,
  type PreparedRequest,
  type Residency,
  type Result,
  type TopKOutput,
} from '@gearshift/contracts';
import { operationOf, refusePlaced } from '@gearshift/contracts/internal';
import { createOracleBackend } from '../backends/oracle-backend.js';
import { describeLoad, operandBytes, type DeviceLoad } from './device-load.js';
import { spoilAnswer, type DeviceCall, type FaultSource, type SimulatedFault } from './simulated-fault.js';
import { SimulatedMemory, type SimulatedMemoryOptions } from './simulated-memory.js';
import type { VirtualScheduler } from './virtual-scheduler.js';

export interface SimulatedDeviceOptions {
  readonly id: string;
  readonly kind: DeviceKind;
  readonly scheduler: VirtualScheduler;
  /** Speed curve: how long the device computes, including noise and drift. */
  readonly kernelMs: (load: DeviceLoad, call: DeviceCall) => number;
  /** Upload line: how long it takes to upload that many bytes. When omitted, the device reads the caller's memory. */
  readonly uploadMs?: ((bytes: number, call: DeviceCall) => number) | undefined;
  /** Default: practically unlimited. */
  readonly memory?: SimulatedMemoryOptions | undefined;
  /** How long a call takes that runs out of memory; default 0. */
  readonly outOfMemoryMs?: number | undefined;
  /** Default: no faults. */
  readonly fault?: FaultSource | undefined;
  /** See `Backend.formOf`. Default: every request is answered from the operand itself. */
  readonly formOf?: Backend['formOf'];
  /** Writes the correct answer; default: the oracle's, from the data. */
  readonly answer?: ((request: PreparedRequest, output: Float32Array | TopKOutput) => void) | undefined;
}

export interface SimulatedDevice extends Backend {
  makeResident(operand: Operand, signal?: AbortSignal): Promise<Result<PhaseTimes, BackendError>>;
  residency(operand: Operand): Residency;
  release(operand: Operand): void;
  /** Puts a copy on the device at once, without a delay and even if the memory is full. */
  placeResident(operand: Operand): void;
  /** Counts so far; always up to date. */
  readonly counts: Readonly<DeviceCounts>;
  /** Whether a fatal fault has lost the device, even if no call has reported it yet. */
  readonly isLost: boolean;
  readonly simulatedMemory: SimulatedMemory;
}

export interface DeviceCounts {
  calls: number;
  outOfMemory: number;
  faults: number;
  uploadedBytes: number;
  busyMs: number;
}

type Answer = Result<PhaseTimes, BackendError>;

interface Job {
  readonly kind: DeviceCall['kind'];
  readonly operand: Operand;
  readonly load: DeviceLoad | null;
  readonly enqueuedAtMs: number;
  readonly signal: AbortSignal | undefined;
  succeed(fault: SimulatedFault | undefined): void;
  settle(answer: Answer): void;
  isSettled: boolean;
}

/**
 * A device in virtual time: functions define its speed, its memory and its faults. Its answers are correct unless a fault
 * changes them.
 *
 * It works on one request at a time while the others wait in order; the wait is `queueMs` of the phases. A request without a
 * resident operand uploads the rows that it reads, for itself alone; only {@link Backend.makeResident} keeps them. An aborted
 * call returns at once, but the device finishes work that it has begun, like a GPU.
 */
export function createSimulatedDevice(options: SimulatedDeviceOptions): SimulatedDevice {
  const { id, kind, scheduler, kernelMs, uploadMs, fault: faultOf = () => undefined, outOfMemoryMs = 0 } = options;
  const { answer: writeAnswer = oracleAnswer() } = options;
  const memory = new SimulatedMemory(options.memory ?? { totalBytes: 2 ** 50 }, scheduler.nowMs);
  const residents = new Map<number, { readonly version: number; readonly bytes: number }>();
  const counts: DeviceCounts = { calls: 0, outOfMemory: 0, faults: 0, uploadedBytes: 0, busyMs: 0 };
  const waiting: Job[] = [];
  const whenIdle: (() => void)[] = [];
  let isBusy = false;
  let isDead = false;
  let isClosed = false;

  const fail = (kind: BackendErrorKind, message: string, details: Partial<BackendError> = {}): Answer =>
    err({ ...details, kind, message, backend: id });
  const holds = ({ id: operandId, version }: Operand) => residents.get(operandId)?.version === version;
  const drop = (operandId: number) => {
    const resident = residents.get(operandId);
    if (resident === undefined) return;
    residents.delete(operandId);
    memory.release(resident.bytes);
  };
  const put = (operand: Operand) => {
    drop(operand.id);
    residents.set(operand.id, { version: operand.version, bytes: operandBytes(operand) });
  };
  const loseDevice = () => {
    isDead = true;
    for (const operandId of [...residents.keys()]) drop(operandId);
  };

  /** The outcome of the call and its duration. Memory is allocated at once and freed at the end of the call. */
  const begin = (job: Job): { readonly durationMs: number; end(): Answer } => {
    const { operand, load } = job;
    const startedAtMs = scheduler.nowMs();
    const queueMs = startedAtMs - job.enqueuedAtMs;
    const missing = uploadMs === undefined || holds(operand) ? 0 : (load?.rangeBytes ?? operandBytes(operand));
    const number = counts.calls++;
    const call: DeviceCall = { number, kind: job.kind, load, operandId: operand.id, uploadBytes: missing, startedAtMs };
    if (isDead) return { durationMs: 0, end: () => fail('device-lost', 'the device is lost') };
    const fault = faultOf(call);
    if (fault?.kind === 'transient' || fault?.kind === 'hang' || fault?.kind === 'fatal') {
      return { durationMs: fault.kind === 'hang' ? fault.forMs : fault.afterMs, end: () => failWith(fault) };
    }
    if (job.kind === 'make-resident' && missing === 0) return { durationMs: 0, end: () => succeed(job, queueMs, 0, 0) };

    // A copy of an older version is dropped first.
    if (job.kind === 'make-resident') drop(operand.id);
    const ownBytes = uploadMs === undefined || load === null ? 0 : load.requestBytes + load.outputBytes;
    const neededBytes = missing + ownBytes;
    if (!memory.allocate(neededBytes)) {
      counts.outOfMemory += 1;
      const freeBytes = memory.freeBytes();
      const end = () => fail('out-of-memory', 'no room', { nativeCode: 2, requestedBytes: neededBytes, freeBytes });
      return { durationMs: outOfMemoryMs, end };
    }
    const movingMs = missing > 0 && uploadMs !== undefined ? uploadMs(missing, call) : 0;
    const computingMs = load === null ? 0 : kernelMs(load, call);
    counts.uploadedBytes += missing;
    return {
      durationMs: movingMs + computingMs,
      end() {
        if (job.kind === 'make-resident') put(operand);
        else memory.release(neededBytes);
        if (job.isSettled) return fail('aborted', 'the request was aborted');
        job.succeed(fault);
        return succeed(job, queueMs, movingMs, computingMs);
      },
    };
  };
  const failWith = (fault: SimulatedFault): Answer => {
    counts.faults += 1;
    if (fault.kind === 'hang') return fail('timeout', 'no completion', { nativeCode: 702 });
    if (fault.kind === 'transient') return fail('fault', 'the launch failed', { nativeCode: 719 });
    loseDevice();
    return fail('device-lost', 'the context is gone', { nativeCode: 700 });
  };
  const succeed = (job: Job, queueMs: number, movingMs: number, computingMs: number): Answer => {
    const totalMs = scheduler.nowMs() - job.enqueuedAtMs;
    return ok({ queueMs, uploadMs: movingMs, kernelMs: computingMs, downloadMs: 0, totalMs, fused: false });
  };

  const work = (job: Job): void => {
    isBusy = true;
    const { durationMs, end } = begin(job);
    counts.busyMs += durationMs;
    scheduler.after(durationMs, () => {
      isBusy = false;
      const answer = end();
      workOn();
      job.settle(answer);
    });
  };
  const workOn = () => {
    const next = waiting.shift();
    if (next !== undefined) work(next);
    else for (const wake of whenIdle.splice(0)) wake();
  };

  const enqueue = (
    operand: Operand,
    load: DeviceLoad | null,
    signal: AbortSignal | undefined,
    onSuccess: (fault: SimulatedFault | undefined) => void,
  ): Promise<Answer> => {
    if (isClosed) return Promise.resolve(fail('unsupported', 'the backend is closed'));
    if (signal?.aborted === true) return Promise.resolve(fail('aborted', 'the request was aborted'));
    return new Promise((resolve) => {
      const giveUp = () => {
        const place = waiting.indexOf(job);
        if (place >= 0) waiting.splice(place, 1);
        job.settle(fail('aborted', 'the request was aborted'));
      };
      const job: Job = {
        kind: load === null ? 'make-resident' : 'request',
        operand,
        load,
        enqueuedAtMs: scheduler.nowMs(),
        signal,
        succeed: onSuccess,
        settle(answer) {
          if (job.isSettled) return;
          job.isSettled = true;
          signal?.removeEventListener('abort', giveUp);
          resolve(answer);
        },
        isSettled: false,
      };
      signal?.addEventListener('abort', giveUp);
      if (isBusy) waiting.push(job);
      else work(job);
    });
  };
  const serve = (request: PreparedRequest, output: Float32Array | TopKOutput, signal: AbortSignal | undefined) => {
    const reason = request.operation === 'spread-activation' ? undefined : refusePlaced(request.matrix);
    if (reason !== undefined) return Promise.resolve(fail('unsupported', reason));
    const operand = operationOf(request).operandOf(request);
    return enqueue(operand, describeLoad(request), signal, (fault) => {
      writeAnswer(request, output);
      spoilAnswer(fault, output);
    });
  };

  return {
    id,
    kind,
    describe: () => ({ id, kind, device: 'simulated', version: '0.0.0', source: 'local', limitations: [] }),
    memory: () => (kind === 'cpu' ? { ...memory.reading(), freeBytes: null } : memory.reading()),
    supports(request) {
      if (isClosed) return { reason: 'the backend is closed' };
      const reason = 'matrix' in request ? refusePlaced(request.matrix) : undefined;
      return reason === undefined || { reason };
    },
    ...(options.formOf !== undefined && { formOf: options.formOf }),
    residency(operand) {
      const resident = holds(operand) ? (residents.get(operand.id)?.bytes ?? 0) : 0;
      const isThere = uploadMs === undefined || resident > 0;
      return { residentBytes: resident, bytesToUpload: isThere ? 0 : operandBytes(operand) };
    },
    makeResident: async (operand, signal) => enqueue(prepareOperand(operand), null, signal, () => {}),
    release: (operand) => drop(operand.id),
    placeResident(operand) {
      if (holds(operand)) return;
      put(operand);
      memory.hold(operandBytes(operand));
    },
    async cosineSimilarity(request, output, signal) {
      const prepared = prepareCosineSimilarity(request);
      return serve(prepared, requireOutput(prepared, output), signal);
    },
    async topK(request, output, signal) {
      const prepared = prepareTopK(request);
      return serve(prepared, requireTopKOutput(prepared, output), signal);
    },
    async spreadActivation(request, output, signal) {
      const prepared = prepareSpreadActivation(request);
      return serve(prepared, requireOutput(prepared, output), signal);
    },
    async close() {
      isClosed = true;
      if (isBusy) await new Promise<void>((resolve) => void whenIdle.push(resolve));
      for (const operandId of [...residents.keys()]) drop(operandId);
    },
    counts,
    get isLost() {
      return isDead;
    },
    simulatedMemory: memory,
  };
}

/** Computes the answer from the data, in double precision. */
function oracleAnswer() {
  const oracle = createOracleBackend();
  return (request: PreparedRequest, output: Float32Array | TopKOutput) => {
    // The cast is safe because the call has checked the output against the request.
    const answer =
      request.operation === 'top-k'
        ? oracle.topKSync(request, output as TopKOutput)
        : request.operation === 'cosine-similarity'
          ? oracle.cosineSimilaritySync(request, output as Float32Array)
          : oracle.spreadActivationSync(request, output as Float32Array);
    if (!answer.ok) throw new Error(answer.error.message);
  };
}
