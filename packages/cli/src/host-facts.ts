import { availableParallelism, cpus, release, totalmem } from 'node:os';

/** The machine, as far as it matters for what can be run on it. */
export interface HostFacts {
  readonly node: string;
  readonly platform: string;
  readonly arch: string;
  readonly osRelease: string;
  /** `glibc 2.36`, `musl`; null elsewhere than on Linux. */
  readonly libc: string | null;
  readonly cpu: string;
  readonly cpus: number;
  /** CPUs that this process may use. */
  readonly usableCpus: number;
  readonly totalBytes: number;
  /** What a container or a service manager allows the process; null where nothing does. */
  readonly limitBytes: number | null;
}

export function readHostFacts(): HostFacts {
  const all = cpus();
  const totalBytes = totalmem();
  const limit = process.constrainedMemory();
  return {
    node: process.version,
    platform: process.platform,
    arch: process.arch,
    osRelease: release(),
    libc: readLibc(),
    cpu: all[0]?.model.trim() ?? 'unknown',
    cpus: all.length,
    usableCpus: availableParallelism(),
    totalBytes,
    // No limit is told as none, as 0, or as more than there is.
    limitBytes: limit > 0 && limit < totalBytes ? limit : null,
  };
}

function readLibc(): string | null {
  if (process.platform !== 'linux') return null;
  const { header } = process.report.getReport() as { header: { glibcVersionRuntime?: string } };
  return header.glibcVersionRuntime === undefined ? 'musl' : `glibc ${header.glibcVersionRuntime}`;
}
