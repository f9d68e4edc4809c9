import { err, type Backend, type BackendError, type Operand, type PhaseTimes, type Result } from '@gearshift/contracts';
import { residencyChannel, uploadChannel, type ResidencyEvent } from '../events.js';
import type { MemoryBudget } from '@gearshift/splitter';

/** A copy of an operand that a device keeps because this dispatcher sent it there. */
interface Resident {
  /** Not to keep a matrix alive that its owner has let go of. */
  readonly operand: WeakRef<Operand>;
  readonly id: number;
  readonly version: number;
  readonly bytes: number;
  readonly isPinned: boolean;
  lastUseMs: number;
  /** Requests that are using it now. */
  users: number;
  /** Running mean of what a use is believed to have saved. */
  savingMs: number;
}

const SAVING_WEIGHT = 0.2;
/** So that a copy that never saved anything is the first to go, and nothing is divided by zero. */
const LEAST_SAVING_MS = 1e-3;

/**
 * The operands that one device keeps. Sends each once, however many requests want it at the same time, and gives up
 * those of least use when memory is short: most bytes, longest unused, least saved per use. Pinned ones stay.
 */
export class ResidentSet {
  readonly #backend: Backend;
  readonly #budget: MemoryBudget;
  readonly #clock: () => number;
  readonly #residents = new Map<number, Resident>();
  readonly #uploads = new Map<string, Promise<Result<PhaseTimes, BackendError>>>();

  constructor(backend: Backend, budget: MemoryBudget, clock: () => number) {
    this.#backend = backend;
    this.#budget = budget;
    this.#clock = clock;
  }

  /** Makes the operand stay on the device, after making room for it. Never rejects. */
  keep(operand: Operand, bytes: number, isPinned: boolean): Promise<Result<PhaseTimes, BackendError>> {
    const key = `${operand.id} ${operand.version}`;
    let upload = this.#uploads.get(key);
    if (upload === undefined) {
      upload = this.#upload(operand, bytes, isPinned).finally(() => this.#uploads.delete(key));
      this.#uploads.set(key, upload);
    }
    return upload;
  }

  /** A request is about to use the operand; call what comes back when it has ended. */
  use(operand: Operand, savingMs: number): () => void {
    const resident = this.#residents.get(operand.id);
    if (resident?.version !== operand.version) return NOTHING_USED;
    resident.lastUseMs = this.#clock();
    if (savingMs > 0) resident.savingMs += SAVING_WEIGHT * (savingMs - resident.savingMs);
    resident.users += 1;
    return () => {
      resident.users -= 1;
    };
  }

  /** Gives up copies that nobody uses until so many bytes are free of them; says whether any was. */
  makeRoom(bytes: number): boolean {
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

  /** Count and bytes of what is kept. */
  snapshot(): { readonly operands: number; readonly bytes: number } {
    let bytes = 0;
    for (const resident of this.#residents.values()) bytes += resident.bytes;
    return { operands: this.#residents.size, bytes };
  }

  async #upload(operand: Operand, bytes: number, isPinned: boolean): Promise<Result<PhaseTimes, BackendError>> {
    const available = this.#budget.availableBytes();
    if (bytes > available) this.makeRoom(bytes - available);
    if (bytes > this.#budget.availableBytes()) {
      const message = `${this.#backend.id}: no room to keep ${bytes} bytes`;
      return err({ kind: 'out-of-memory', message, backend: this.#backend.id, requestedBytes: bytes });
    }
    const sent = await this.#send(operand, bytes);
    this.#budget.refresh();
    if (!sent.ok) return sent;
    const resident: Resident = {
      operand: new WeakRef(operand),
      id: operand.id,
      version: operand.version,
      bytes,
      isPinned,
      lastUseMs: this.#clock(),
      users: 0,
      savingMs: 0,
    };
    this.#residents.set(operand.id, resident);
    this.#tell('kept', resident);
    return sent;
  }

  async #send(operand: Operand, bytes: number): Promise<Result<PhaseTimes, BackendError>> {
    const backend = this.#backend;
    const send = async (): Promise<Result<PhaseTimes, BackendError>> => {
      try {
        const sent = await backend.makeResident?.(operand);
        if (sent !== undefined) return sent;
        return err({ kind: 'unsupported', message: `${backend.id} keeps nothing`, backend: backend.id });
      } catch (thrown) {
        return err({ kind: 'fault', message: `${backend.id}: ${String(thrown)}`, backend: backend.id });
      }
    };
    if (!uploadChannel.hasSubscribers) return send();
    return uploadChannel.tracePromise(send, { backend: backend.id, operandId: operand.id, bytes });
  }

  #evict(resident: Resident): void {
    this.#residents.delete(resident.id);
    const operand = resident.operand.deref();
    try {
      // Whoever let go of the operand without disposing of it has left its copy to the backend.
      if (operand !== undefined) this.#backend.release?.(operand);
    } catch {
      // What cannot be given up now is given up when the backend closes.
    }
    this.#tell('evicted', resident);
  }

  #tell(kind: ResidencyEvent['kind'], { id, bytes }: Resident): void {
    if (!residencyChannel.hasSubscribers) return;
    const event: ResidencyEvent = { device: this.#backend.id, kind, operandId: id, bytes };
    residencyChannel.publish(event);
  }
}

function NOTHING_USED(): void {}
