/** The latest entries, at most a fixed number of them. */
class Latest {
  readonly #size: number;
  #entries: number[] = [];

  constructor(size: number) {
    this.#size = size;
  }

  get entries(): readonly number[] {
    return this.#entries;
  }

  add(entry: number): void {
    this.#entries = [...this.#entries, entry].slice(-this.#size);
  }

  copy(): Latest {
    const copy = new Latest(this.#size);
    copy.#entries = [...this.#entries];
    return copy;
  }
}

/** What a writer recorded about one operation on one device, sample by sample. */
export class DeviceAccount {
  readonly latenciesMs: Latest;
  readonly outcomes: Latest;
  count = 0;
  failureCount = 0;
  oomCount = 0;

  constructor(windowSize: number, windows?: DeviceAccount) {
    this.latenciesMs = windows?.latenciesMs.copy() ?? new Latest(windowSize);
    this.outcomes = windows?.outcomes.copy() ?? new Latest(windowSize);
  }

  success(latencyMs: number): void {
    // The tracker keeps whole nanoseconds.
    this.latenciesMs.add(Math.round(latencyMs * 1e6) / 1e6);
    this.outcomes.add(1);
    this.count++;
  }

  failure(isOutOfMemory: boolean): void {
    this.outcomes.add(0);
    this.failureCount++;
    if (isOutOfMemory) this.oomCount++;
  }

  addLifelong(other: DeviceAccount): void {
    this.count += other.count;
    this.failureCount += other.failureCount;
    this.oomCount += other.oomCount;
  }
}

export const ACCOUNT_DEVICES = ['cpu', 'gpu', 'remote'] as const;
export type AccountDevice = (typeof ACCOUNT_DEVICES)[number];

/** What a writer recorded about one operation, sample by sample: the slow and obvious way, to compare the tracker with. */
export class Account {
  readonly devices: Readonly<Record<AccountDevice, DeviceAccount>>;
  fallbackCount = 0;
  version = 0;

  constructor(windowSize: number, windows?: Account) {
    const device = (name: AccountDevice) => new DeviceAccount(windowSize, windows?.devices[name]);
    this.devices = { cpu: device('cpu'), gpu: device('gpu'), remote: device('remote') };
  }

  copy(): Account {
    const copy = new Account(0, this);
    copy.addLifelong(this);
    return copy;
  }

  addLifelong(other: Account): void {
    for (const name of ACCOUNT_DEVICES) this.devices[name].addLifelong(other.devices[name]);
    this.fallbackCount += other.fallbackCount;
    this.version += other.version;
  }
}

/** The fields of a snapshot that are exact. */
export function summarize(accounts: readonly Account[]) {
  const cpu = summarizeDevice(accounts, 'cpu');
  const gpu = summarizeDevice(accounts, 'gpu');
  const sum = new Account(0);
  for (const account of accounts) sum.addLifelong(account);
  return {
    cpuAvgMs: cpu.avgMs,
    gpuAvgMs: gpu.avgMs,
    speedup: gpu.avgMs > 0 ? cpu.avgMs / gpu.avgMs : 0,
    successRate: gpu.successRate,
    oomCount: gpu.oomCount,
    cpuCount: cpu.count,
    cpuWindowCount: cpu.windowCount,
    cpuFailureCount: cpu.failureCount,
    gpuCount: gpu.count,
    gpuWindowCount: gpu.windowCount,
    gpuFailureCount: gpu.failureCount,
    lifetimeSuccessRate: gpu.lifetimeSuccessRate,
    fallbackCount: sum.fallbackCount,
    devices: { cpu, gpu, remote: summarizeDevice(accounts, 'remote') },
    version: sum.version,
    staleWriters: 0,
  };
}

function summarizeDevice(accounts: readonly Account[], name: AccountDevice) {
  const sum = new DeviceAccount(0);
  for (const { devices } of accounts) sum.addLifelong(devices[name]);
  const latenciesMs = latenciesOf(accounts, name);
  const outcomes = accounts.flatMap(({ devices }) => devices[name].outcomes.entries);
  const attempts = sum.count + sum.failureCount;
  return {
    count: sum.count,
    windowCount: latenciesMs.length,
    avgMs: meanMs(latenciesMs),
    failureCount: sum.failureCount,
    oomCount: sum.oomCount,
    successRate: outcomes.length === 0 ? 1 : outcomes.filter((success) => success === 1).length / outcomes.length,
    lifetimeSuccessRate: attempts === 0 ? 1 : sum.count / attempts,
  };
}

/** The latencies of all windows. */
export function latenciesOf(accounts: readonly Account[], name: AccountDevice): readonly number[] {
  return accounts.flatMap(({ devices }) => devices[name].latenciesMs.entries);
}

function meanMs(latenciesMs: readonly number[]): number {
  if (latenciesMs.length === 0) return 0;
  const sumNs = latenciesMs.reduce((sum, latencyMs) => sum + Math.round(latencyMs * 1e6), 0);
  return sumNs / latenciesMs.length / 1e6;
}

/** The latency that the share `share` of the samples does not exceed; 0 without samples. */
export function exactPercentile(latenciesMs: readonly number[], share: number): number {
  const sorted = [...latenciesMs].sort((one, other) => one - other);
  return sorted.length === 0 ? 0 : sorted[Math.ceil(share * sorted.length) - 1];
}
