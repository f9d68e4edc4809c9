import {
  err,
  type Backend,
  type BackendError,
  type Operand,
  type PhaseTimes,
  type ResidencyEvent,
  type Result,
  type UploadSample,
} from '@gearshift/contracts';
import { isGraph } from '@gearshift/contracts/internal';
import type { MemoryBudget } from '@gearshift/splitter';
import { checkResult, thrownAnswer } from '../attempts/check-answer.js';
import { ABORT_GRACE_MS } from '../attempts/hang-limit.js';
import { residencyChannel, uploadChannel } from '../channels.js';
import type { Timers } from '@gearshift/splitter';
import { raceAgainst, type CallEnd } from '@gearshift/splitter/engine';
import { SharedUpload } from './shared-upload.js';

/** A copy of an operand that this dispatcher uploaded to stay on the device. */
interface Resident {
  /** Identifies the operand without its memory, so that the memory can be collected when the caller drops it. */
  readonly operand: Operand;
  readonly bytes: number;
  readonly isPinned: boolean;
  lastUseMs: number;
  /** Requests that are using it now. */
  users: number;
  /** Running mean of the estimated saving per use. */
  savingMs: number;
}

export interface UploadPlan {
  readonly bytes: number;
  /** Never evict it to free memory. */
  readonly isPinned: boolean;
  /** Give up the upload after this time. */
  readonly limitMs: number;
  readonly signal: AbortSignal | undefined;
  /** Called once per upload that succeeded, however many requests waited for it. */
  readonly onSent: (sample: UploadSample) => void;
}

const SAVING_WEIGHT = 0.2;
/** Avoids a division by zero and makes a copy that never saved anything the first to be evicted. */
const LEAST_SAVING_MS = 1e-3;
/** After the second upload in a row that hung, the next one waits for as long as that took, then for 3, 7, 15 and 31 times that. */
const MOST_HANGS = 5;

/**
 * The operands that one device keeps. Uploads each once, however many requests need it at the same time, and evicts the
 * least useful ones when memory is short: most bytes, longest unused, least saved per use. Pinned ones stay.
 */
export class ResidentSet {
  /** Bytes that evicting every operand that is not pinned would free. */
  evictableBytes = 0;
  readonly #backend: Backend;
  readonly #budget: MemoryBudget;
  readonly #clock: () => number;
  readonly #timers: Timers;
  readonly #residents = new Map<number, Resident>();
  readonly #uploads = new Map<string, SharedUpload>();
  /** Uploads under way of operands that were released in the meantime. */
  readonly #unwanted = new Set<string>();
  /** Uploads given up since the last one that ended by itself. */
  #hangs = 0;
  #restsUntilMs = -Infinity;

  constructor(backend: Backend, budget: MemoryBudget, clock: () => number, timers: Timers) {
    this.#backend = backend;
    this.#budget = budget;
    this.#clock = clock;
    this.#timers = timers;
  }

  /**
   * Uploads the operand to stay on the device, evicting others if necessary. Does not reject when the backend fails, and gives
   * up an upload that does not end in time; the next call tries it again.
   */
  keep(operand: Operand, plan: UploadPlan): Promise<Result<PhaseTimes, BackendError>> {
    const key = keyOf(operand);
    let upload = this.#uploads.get(key);
    if (upload === undefined) {
      upload = new SharedUpload(this.#backend.id, this.#timers, (signal) =>
        this.#upload(operand, plan, signal).finally(() => {
          this.#uploads.delete(key);
          this.#unwanted.delete(key);
        }),
      );
      this.#uploads.set(key, upload);
    }
    return upload.result(plan.signal);
  }

  /** Uploads hung several times in a row, so the next one waits for a while. */
  isResting(nowMs: number): boolean {
    return nowMs < this.#restsUntilMs;
  }

  /** An upload is under way and has its memory. Another request that keeps the operand waits for it and needs no more memory. */
  isSending(id: number, version: number): boolean {
    return this.#uploads.size > 0 && this.#uploads.has(keyOf({ id, version }));
  }

  /** Marks the operand as used by a request. Call the returned function when the request has ended. */
  use({ id, version }: Operand, savingMs: number): () => void {
    const resident = this.#residents.get(id);
    if (resident?.operand.version !== version) return usedNothing;
    resident.lastUseMs = this.#clock();
    if (savingMs > 0 && savingMs < Infinity) resident.savingMs += SAVING_WEIGHT * (savingMs - resident.savingMs);
    resident.users += 1;
    return () => {
      resident.users -= 1;
    };
  }

  /** Evicts unused copies until so many bytes are free; returns whether any was evicted. */
  makeRoom(bytes: number): boolean {
    this.#forgetLost();
    const nowMs = this.#clock();
    const idle = [...this.#residents.values()].filter(({ users, isPinned }) => users === 0 && !isPinned);
    const burden = ({ bytes: size, lastUseMs, savingMs }: Resident) =>
      (size * (nowMs - lastUseMs + 1)) / Math.max(savingMs, LEAST_SAVING_MS);
    idle.sort((a, b) => burden(b) - burden(a));
    let freed = 0;
    for (const resident of idle) {
      if (freed >= bytes) break;
      freed += resident.bytes;
      this.#evict(resident);
    }
    if (freed > 0) this.#budget.refresh();
    return freed > 0;
  }

  /** The operand is no longer needed: drops everything that the device holds of it, pinned or not. */
  release(operand: Operand): void {
    for (const key of this.#uploads.keys()) if (key.startsWith(keyOf({ id: operand.id }))) this.#unwanted.add(key);
    const resident = this.#residents.get(operand.id);
    if (resident === undefined) this.#giveBack(operand);
    else this.#evict(resident);
  }

  /** Count and bytes of the kept operands. */
  snapshot(): { readonly operands: number; readonly bytes: number } {
    this.#forgetLost();
    let bytes = 0;
    for (const resident of this.#residents.values()) bytes += resident.bytes;
    return { operands: this.#residents.size, bytes };
  }

  async #upload(
    operand: Operand,
    { bytes, isPinned, limitMs, onSent }: UploadPlan,
    signal: AbortSignal,
  ): Promise<Result<PhaseTimes, BackendError>> {
    // A loop, because only a part of the memory that an evicted copy frees is usable.
    let missing = bytes - this.#budget.availableBytes();
    while (missing > 0 && this.makeRoom(missing)) missing = bytes - this.#budget.availableBytes();
    // Counted before the upload, so that other requests cannot take the memory. After the upload a new reading of the
    // memory may already include the copy, and the budget would refuse it.
    if (!this.#budget.trackAllocation(bytes)) {
      const message = `${this.#backend.id}: not enough free memory to keep ${bytes} bytes`;
      return err({ kind: 'out-of-memory', message, backend: this.#backend.id, requestedBytes: bytes });
    }
    const startedAtMs = this.#clock();
    const limits = { signal, limitMs, abortGraceMs: ABORT_GRACE_MS, timers: this.#timers };
    const end = await raceAgainst((callSignal) => this.#send(operand, bytes, callSignal), limits);
    if (end.how === 'given-up') return this.#giveUp(operand, bytes, limitMs, end);
    this.#hangs = 0;
    const sent = end.how === 'returned' ? end.value : thrownAnswer(this.#backend.id, end.error);
    if (!sent.ok) {
      this.#budget.trackDeallocation(bytes);
      this.#budget.refresh();
      return sent;
    }
    const nowMs = this.#clock();
    this.#forget(operand.id);
    this.#budget.refresh();
    const resident: Resident = { operand: nameOf(operand), bytes, isPinned, lastUseMs: nowMs, users: 0, savingMs: 0 };
    this.#add(resident);
    if (this.#unwanted.has(keyOf(operand))) this.#evict(resident);
    onSent({
      deviceId: this.#backend.id,
      operandId: operand.id,
      bytes,
      latencyMs: transferMs(sent.value, nowMs - startedAtMs),
      nowMs,
    });
    return sent;
  }

  /** The upload may still use its memory, which therefore stays reserved until the call ends, or the budget's limit for that. */
  #giveUp(
    operand: Operand,
    bytes: number,
    limitMs: number,
    { kind, late }: Extract<CallEnd<unknown>, { how: 'given-up' }>,
  ): Result<never, BackendError> {
    const backend = this.#backend.id;
    this.#budget.trackDeallocation(bytes);
    const held = this.#budget.reserve(bytes);
    if (held.ok) held.value.releaseAfter(late);
    // A copy that arrives late is not counted, unless another upload of the operand has replaced it.
    void late.then((sent) => {
      const isCounted = this.#residents.has(operand.id) || this.isSending(operand.id, operand.version);
      if ((sent as Result<PhaseTimes, BackendError>).ok && !isCounted) this.#giveBack(operand);
    });
    if (kind === 'timeout') {
      this.#restsUntilMs = this.#clock() + limitMs * (2 ** this.#hangs - 1);
      this.#hangs = Math.min(this.#hangs + 1, MOST_HANGS);
    }
    const what = kind === 'aborted' ? 'the upload was aborted' : `the upload did not end within ${limitMs} ms`;
    return err({ kind, message: `${backend}: ${what}`, backend });
  }

  async #send(operand: Operand, bytes: number, signal: AbortSignal): Promise<Result<PhaseTimes, BackendError>> {
    const backend = this.#backend;
    const send = async (): Promise<Result<PhaseTimes, BackendError>> => {
      if (backend.makeResident === undefined) {
        return err({ kind: 'unsupported', message: `${backend.id}: it cannot keep operands`, backend: backend.id });
      }
      try {
        return checkResult(backend.id, await backend.makeResident(operand, signal), signal.aborted);
      } catch (thrown) {
        return thrownAnswer(backend.id, thrown);
      }
    };
    if (!uploadChannel.hasSubscribers) return send();
    return uploadChannel.tracePromise(send, { backend: backend.id, operandId: operand.id, bytes });
  }

  /** The new copy has replaced that of an older version. */
  #forget(operandId: number): void {
    const older = this.#residents.get(operandId);
    if (older !== undefined) this.#drop(older);
  }

  #add(resident: Resident): void {
    this.#residents.set(resident.operand.id, resident);
    if (!resident.isPinned) this.evictableBytes += resident.bytes;
    this.#tell('kept', resident);
  }

  #evict(resident: Resident): void {
    this.#drop(resident);
    this.#giveBack(resident.operand);
    this.#tell('evicted', resident);
  }

  #drop({ operand, bytes, isPinned }: Resident): void {
    this.#residents.delete(operand.id);
    this.#budget.trackDeallocation(bytes);
    if (!isPinned) this.evictableBytes -= bytes;
  }

  #giveBack(operand: Operand): void {
    try {
      this.#backend.release?.(operand);
    } catch {
      // The backend releases the copy when it closes.
    }
  }

  /** Other code may have released a copy, and a lost device has lost all of them. */
  #forgetLost(): void {
    const backend = this.#backend;
    if (backend.residency === undefined) return;
    for (const resident of [...this.#residents.values()]) {
      try {
        if (backend.residency(resident.operand).residentBytes === 0) this.#drop(resident);
      } catch {
        // The backend cannot say, so the copy counts as present.
      }
    }
  }

  #tell(kind: ResidencyEvent['kind'], { operand, bytes }: Resident): void {
    if (!residencyChannel.hasSubscribers) return;
    const event: ResidencyEvent = { device: this.#backend.id, kind, operandId: operand.id, bytes };
    residencyChannel.publish(event);
  }
}

/** Without the wait behind other work, if the backend measures it. */
function transferMs({ fused, uploadMs }: PhaseTimes, elapsedMs: number): number {
  return !fused && uploadMs > 0 ? uploadMs : elapsedMs;
}

function usedNothing(): void {}

const NO_VALUES = new Float32Array(0);
const NO_INDICES = new Uint32Array(0);

/** Without a version: the prefix of the keys of all versions. */
function keyOf({ id, version }: { readonly id: number; readonly version?: number }): string {
  return `${id} ${version ?? ''}`;
}

/** The operand without its memory. */
function nameOf(operand: Operand): Operand {
  if (!isGraph(operand)) return { ...operand, rows: 0, values: NO_VALUES };
  return { ...operand, nodes: 0, rowPointers: NO_INDICES, columns: NO_INDICES, weights: NO_VALUES };
}
