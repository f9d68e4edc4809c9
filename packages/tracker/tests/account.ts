/** The latest entries, at most so many. */
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

/** What a writer recorded about one operation, sample by sample: the slow and obvious way, to compare the tracker with. */
export class Account {
  readonly cpu: Latest;
  readonly gpu: Latest;
  readonly outcomes: Latest;
  cpuCount = 0;
  cpuFailureCount = 0;
  gpuCount = 0;
  gpuFailureCount = 0;
  oomCount = 0;
  fallbackCount = 0;
  version = 0;

  constructor(windowSize: number, windows?: Account) {
    this.cpu = windows?.cpu.copy() ?? new Latest(windowSize);
    this.gpu = windows?.gpu.copy() ?? new Latest(windowSize);
    this.outcomes = windows?.outcomes.copy() ?? new Latest(windowSize);
  }

  copy(): Account {
    const copy = new Account(0, this);
    copy.addLifelong(this);
    return copy;
  }

  addLifelong(other: Account): void {
    this.cpuCount += other.cpuCount;
    this.cpuFailureCount += other.cpuFailureCount;
    this.gpuCount += other.gpuCount;
    this.gpuFailureCount += other.gpuFailureCount;
    this.oomCount += other.oomCount;
    this.fallbackCount += other.fallbackCount;
    this.version += other.version;
  }
}

/** The fields of a snapshot that are exact. */
export function summarize(accounts: readonly Account[]) {
  const sum = new Account(0);
  for (const account of accounts) sum.addLifelong(account);
  const cpu = accounts.flatMap((account) => account.cpu.entries);
  const gpu = accounts.flatMap((account) => account.gpu.entries);
  const outcomes = accounts.flatMap((account) => account.outcomes.entries);
  const attempts = sum.gpuCount + sum.gpuFailureCount;
  const [cpuAvgMs, gpuAvgMs] = [meanMs(cpu), meanMs(gpu)];
  return {
    cpuAvgMs,
    gpuAvgMs,
    speedup: gpuAvgMs > 0 ? cpuAvgMs / gpuAvgMs : 0,
    successRate: outcomes.length === 0 ? 1 : outcomes.filter((success) => success === 1).length / outcomes.length,
    oomCount: sum.oomCount,
    cpuCount: sum.cpuCount,
    cpuWindowCount: cpu.length,
    cpuFailureCount: sum.cpuFailureCount,
    gpuCount: sum.gpuCount,
    gpuWindowCount: gpu.length,
    gpuFailureCount: sum.gpuFailureCount,
    lifetimeSuccessRate: attempts === 0 ? 1 : sum.gpuCount / attempts,
    fallbackCount: sum.fallbackCount,
    version: sum.version,
    staleWriters: 0,
  };
}

/** The tracker keeps whole nanoseconds. */
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
