import type { Backend } from '@gearshift/contracts';

/**
 * Who stands in for `chosen` when it fails: the other GPUs, then the other CPUs, each in the order of the list. For a CPU
 * only other CPUs: whoever chose the CPU may have had to.
 */
export function fallbackOrder(backends: readonly Backend[], chosen: Backend): readonly Backend[] {
  const others = backends.filter((backend) => backend !== chosen);
  const cpus = others.filter((backend) => backend.kind === 'cpu');
  return chosen.kind === 'cpu' ? cpus : [...others.filter((backend) => backend.kind === 'gpu'), ...cpus];
}
