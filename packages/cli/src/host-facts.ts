import { availableParallelism, cpus, release, totalmem } from 'node:os';

/** The facts of a machine that decide what can run on it. */
export interface HostFacts {
  readonly node: string;
  readonly platform: string;
  readonly arch: string;
  readonly osRelease: string;
  /** `glibc 2.36` or `musl`; null on systems other than Linux. */
  readonly libc: string | null;
  readonly cpu: string;
  readonly cpus: number;
  /** CPUs that this process may use. */
  readonly usableCpus: number;
  readonly totalBytes: number;
  /** Memory limit of the process, set by a container or a service manager; null without one. */
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
    // Without a limit the value is undefined, 0, or more than the memory of the machine.
    limitBytes: limit > 0 && limit < totalBytes ? limit : null,
  };
}

function readLibc(): string | null {
  if (process.platform !== 'linux') return null;
  const { header } = process.report.getReport() as { header: { glibcVersionRuntime?: string } };
  return header.glibcVersionRuntime === undefined ? 'musl' : `glibc ${header.glibcVersionRuntime}`;
}
