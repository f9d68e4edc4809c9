import type { DeviceMetrics, MetricsSnapshot } from '@gearshift/contracts';
import { buildSnapshot } from './build-snapshot.js';
import { DeviceSummary } from './device-summary.js';
import { COMMON as COMMON_FIELDS, type FiguresLayout } from './figures-layout.js';
import type { OperationRecorder } from './operation-recorder.js';
import { buildTotals, type OperationTotals } from './operation-totals.js';
import type { OtherWriters } from './other-writers.js';
import { TRACKER_DEFAULTS } from './tracker-options.js';

/** A constant to the compiler; an import is looked up again at each use. */
const COMMON = COMMON_FIELDS;

/** Not a number of records: there may be something to read although no count has changed. */
const LOOK_AGAIN = -1;

/**
 * Answers with snapshots of one operation: what this thread recorded, published or not, and what the others published.
 * While nothing was recorded or published, one load from shared memory shows it, and the answer is the previous snapshot:
 * it is frozen, so it cannot be told from a new one. Otherwise only blocks that have changed are read again.
 */
export class SnapshotReader {
  readonly #layout: FiguresLayout;
  readonly #names: readonly string[];
  readonly #hasDefaultDevices: boolean;
  readonly #summaries: readonly DeviceSummary[];
  readonly #nothing: Float64Array;
  #own: OperationRecorder;
  #others: OtherWriters | undefined;
  /** The previous snapshot and its devices, and the counts of publications and of own records when it was built. */
  #snapshot: MetricsSnapshot;
  #devices: Readonly<Record<string, DeviceMetrics>>;
  #news = 0;
  #records = 0;

  /**
   * @param names of the devices, in the order of the layout.
   * @param own what this thread records.
   * @param nothing figures that are all zeros.
   */
  constructor(layout: FiguresLayout, names: readonly string[], own: OperationRecorder, nothing: Float64Array) {
    this.#layout = layout;
    this.#names = names;
    this.#hasDefaultDevices = areDefault(names);
    this.#summaries = layout.devices.map((device) => new DeviceSummary(device));
    this.#own = own;
    this.#nothing = nothing;
    this.#devices = this.#collectDevices();
    this.#snapshot = buildSnapshot(this.#devices, { fallbackCount: 0, version: 0, staleWriters: 0 });
  }

  /** From now on there are others. What they have published already shows in their count of publications. */
  join(others: OtherWriters): void {
    this.#others = others;
  }

  /** From now on this thread records into `own`, which replaces what is published in `slot`, if there is one. */
  follow(own: OperationRecorder, slot: number | undefined): void {
    this.#own = own;
    this.#records = LOOK_AGAIN;
    this.#others?.exclude(slot);
  }

  /** @param news how many publications there were before one of this thread, which is not new to this thread. */
  expectOwn(news: number): void {
    if (news === this.#news) this.#news = (news + 1) | 0;
  }

  read(): MetricsSnapshot {
    // First: what is published while the blocks are read must be news the next time.
    const news = this.#others === undefined ? 0 : this.#others.news;
    const { records } = this.#own;
    if (news === this.#news && records === this.#records) return this.#snapshot;
    return this.#readAgain(news, records);
  }

  /** What was counted for life, as of the same instant as `read()`. */
  readTotals(): OperationTotals {
    this.read();
    return buildTotals(this.#names, this.#layout, this.#others?.total ?? this.#nothing, this.#own.readFigures());
  }

  #readAgain(news: number, records: number): MetricsSnapshot {
    const staleWriters = this.#readOthers(news);
    this.#news = news;
    this.#records = staleWriters > 0 ? LOOK_AGAIN : records;
    const others = this.#others?.total ?? this.#nothing;
    const own = this.#own.readFigures();
    let isChanged = false;
    for (const summary of this.#summaries) isChanged = summary.update(others, own) || isChanged;
    if (isChanged) this.#devices = this.#collectDevices();
    this.#snapshot = buildSnapshot(this.#devices, {
      fallbackCount: others[COMMON.fallbacks] + own[COMMON.fallbacks],
      version: others[COMMON.records] + own[COMMON.records],
      staleWriters,
    });
    return this.#snapshot;
  }

  /** Returns how many others could not be read. */
  #readOthers(news: number): number {
    if (this.#others === undefined || (news === this.#news && this.#records !== LOOK_AGAIN)) return 0;
    return this.#others.readChanged();
  }

  #collectDevices(): Readonly<Record<string, DeviceMetrics>> {
    const names = this.#names;
    const summaries = this.#summaries;
    if (this.#hasDefaultDevices) {
      // Most trackers have these, and a literal is several times faster than adding one key after another.
      const [cpu, gpu, remote] = summaries;
      return Object.freeze({ cpu: cpu.metrics, gpu: gpu.metrics, remote: remote.metrics });
    }
    const devices: Record<string, DeviceMetrics> = {};
    for (let i = 0; i < names.length; i++) devices[names[i]] = summaries[i].metrics;
    return Object.freeze(devices);
  }
}

function areDefault(names: readonly string[]): boolean {
  const { devices } = TRACKER_DEFAULTS;
  return names.length === devices.length && devices.every((name, index) => names[index] === name);
}
