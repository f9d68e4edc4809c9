import type { DeviceMetrics, MetricsSnapshot } from '@gearshift/contracts';
import { buildSnapshot } from './build-snapshot.js';
import { DeviceSummary } from './device-summary.js';
import { COMMON as COMMON_FIELDS, type FiguresLayout } from './figures-layout.js';
import type { MemoryLayout } from './memory-layout.js';
import { OperationRecorder } from './operation-recorder.js';
import { buildTotals, type OperationTotals } from './operation-totals.js';
import { OtherWriters } from './other-writers.js';
import { publishBlock, readBlock, type Block } from './protocol/publication.js';
import type { SharedMemory } from './protocol/shared-memory.js';
import { TRACKER_DEFAULTS } from './tracker-options.js';

/** Local, because V8 loads an imported binding again at each use. */
const COMMON = COMMON_FIELDS;

/** In place of a number of records: there may be something to read although no count has changed. */
const LOOK_AGAIN = -1;

/** What all operations of a tracker have in common. */
export interface OperationSetup {
  readonly windowSize: number;
  /** Names of the devices, in the order of the figures. */
  readonly devices: readonly string[];
  readonly figures: FiguresLayout;
  /** Figures that are all zeros. */
  readonly nothing: Float64Array;
}

/** The memory that an operation shares with other threads. */
interface SharedPart {
  readonly memory: SharedMemory;
  readonly layout: MemoryLayout;
  readonly newsCell: number;
  readonly others: OtherWriters;
}

/**
 * One operation as one thread sees it: what it records itself, privately and, once the tracker is shared, then in its slot;
 * and what others published.
 */
export class TrackedOperation {
  readonly recorder: OperationRecorder;
  readonly #setup: OperationSetup;
  /** Its place among the operations. */
  readonly #index: number;
  readonly #hasDefaultDevices: boolean;
  readonly #summaries: readonly DeviceSummary[];
  #shared: SharedPart | undefined;
  #block: Block | undefined;
  #publishedRecords = 0;
  /** The previous snapshot and its devices, and the counts of publications and of own records when it was built. */
  #snapshot: MetricsSnapshot;
  #devices: Readonly<Record<string, DeviceMetrics>>;
  #news = 0;
  #records = 0;

  constructor(setup: OperationSetup, index: number) {
    const { figures, windowSize, devices } = setup;
    this.recorder = new OperationRecorder(figures, windowSize);
    this.#setup = setup;
    this.#index = index;
    const defaults = TRACKER_DEFAULTS.devices;
    this.#hasDefaultDevices =
      devices.length === defaults.length && defaults.every((name, place) => devices[place] === name);
    this.#summaries = figures.devices.map((device) => new DeviceSummary(device));
    this.#devices = this.#collectDevices();
    this.#snapshot = buildSnapshot(this.#devices, 0, 0, 0);
  }

  /**
   * What this thread recorded, published or not, and what the others published. While nothing was recorded or published, one
   * load from shared memory shows it, and the result is the previous snapshot, which is frozen. Otherwise only blocks that
   * have changed are read again.
   */
  snapshot(): MetricsSnapshot {
    const shared = this.#shared;
    // Read before the blocks: whatever is published while they are read must count as news the next time.
    const news = shared === undefined ? 0 : shared.memory.load(shared.newsCell);
    if (news === this.#news && this.recorder.records === this.#records) return this.#snapshot;
    return this.#readAgain(news);
  }

  /** The lifetime counts, as of the same instant as `snapshot()`. */
  totals(): OperationTotals {
    this.snapshot();
    const { devices, figures, nothing } = this.#setup;
    return buildTotals(devices, figures, this.#shared?.others.total ?? nothing, this.recorder.readFigures());
  }

  /**
   * From now on the operation is shared with other threads. What was recorded stays with this thread. If others have already
   * published something, their count of publications shows it.
   */
  join(memory: SharedMemory, layout: MemoryLayout): void {
    const others = new OtherWriters(memory, layout, this.#index);
    this.#shared = { memory, layout, newsCell: layout.newsCell(this.#index), others };
  }

  /** From now on this thread owns the slot of the shared memory, and counts on from where the previous owner stopped. */
  enterSlot(slot: number): void {
    if (this.#shared === undefined) return;
    const { memory, layout, others } = this.#shared;
    const block = layout.block(slot, this.#index);
    const inherited = new Float64Array(layout.figures.length);
    // No other thread writes this slot now, so nothing can overtake the reading.
    readBlock(memory, layout.figures.shape, block, inherited);
    const unpublished = this.recorder.records;
    this.recorder.inherit(inherited);
    this.#publishedRecords = this.recorder.records - unpublished;
    this.#block = block;
    this.#records = LOOK_AGAIN;
    others.exclude(slot);
  }

  /** Call it before the slot is given back, with everything published: from now on this thread reads it from there. */
  leaveSlot(): void {
    this.#block = undefined;
    this.recorder.reset();
    this.#publishedRecords = 0;
    this.#records = LOOK_AGAIN;
    this.#shared?.others.exclude(undefined);
  }

  publish(): void {
    const { records } = this.recorder;
    if (this.#shared === undefined || this.#block === undefined || records === this.#publishedRecords) return;
    this.#publishedRecords = records;
    const { memory, layout, newsCell } = this.#shared;
    publishBlock(memory, layout.figures.shape, this.#block, this.recorder.readFigures());
    // Its own publication is no news to this thread.
    if (memory.add(newsCell, 1) === this.#news) this.#news = (this.#news + 1) | 0;
  }

  /** Makes every reader read the blocks that have changed. Without it a publication may go unnoticed until the next one. */
  announce(): void {
    this.#shared?.memory.add(this.#shared.newsCell, 1);
  }

  #readAgain(news: number): MetricsSnapshot {
    const { others } = this.#shared ?? {};
    const hasNews = news !== this.#news || this.#records === LOOK_AGAIN;
    const staleWriters = hasNews && others !== undefined ? others.readChanged() : 0;
    this.#news = news;
    this.#records = staleWriters > 0 ? LOOK_AGAIN : this.recorder.records;
    const theirs = others?.total ?? this.#setup.nothing;
    const own = this.recorder.readFigures();
    const summaries = this.#summaries;
    let isChanged = false;
    for (let i = 0; i < summaries.length; i++) if (summaries[i].update(theirs, own)) isChanged = true;
    if (isChanged) this.#devices = this.#collectDevices();
    const fallbackCount = theirs[COMMON.fallbacks] + own[COMMON.fallbacks];
    const version = theirs[COMMON.records] + own[COMMON.records];
    return (this.#snapshot = buildSnapshot(this.#devices, fallbackCount, version, staleWriters));
  }

  #collectDevices(): Readonly<Record<string, DeviceMetrics>> {
    const summaries = this.#summaries;
    if (this.#hasDefaultDevices) {
      // Most trackers have these, and a literal is several times faster than adding one key after another.
      const [cpu, gpu, remote] = summaries;
      return Object.freeze({ cpu: cpu.metrics, gpu: gpu.metrics, remote: remote.metrics });
    }
    const devices: Record<string, DeviceMetrics> = {};
    for (const [index, name] of this.#setup.devices.entries()) devices[name] = summaries[index].metrics;
    return Object.freeze(devices);
  }
}
