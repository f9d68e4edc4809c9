import { existsSync } from 'node:fs';

const LOADERS = { x64: 'x86_64', arm64: 'aarch64' } as const;

/**
 * Which C library this process runs on: an addon built for one does not load on the other. `null` outside Linux.
 *
 * By the loader that is there, because asking Node for its report takes longer than all the rest of the probing. A system with
 * both is one of glibc with musl beside it.
 */
export function detectLibc(): 'gnu' | 'musl' | null {
  if (process.platform !== 'linux') return null;
  const machine = LOADERS[process.arch as keyof typeof LOADERS] ?? process.arch;
  const hasGlibc = ['/lib64/ld-linux-x86-64.so.2', '/lib/ld-linux-aarch64.so.1'].some((path) => existsSync(path));
  return !hasGlibc && existsSync(`/lib/ld-musl-${machine}.so.1`) ? 'musl' : 'gnu';
}
