import { InvalidArgumentError } from 'commander';
import type { BackendName } from 'gearshift';

const NAMES: readonly BackendName[] = ['cpu', 'cuda', 'webgpu'];

/** Parses `cpu` or `cuda,cpu`. */
export function parseBackends(text: string): readonly BackendName[] {
  const names = text.split(',').map((name) => name.trim());
  const unknown = names.find((name) => !NAMES.includes(name as BackendName));
  if (unknown !== undefined) throw new InvalidArgumentError(`expected some of ${NAMES.join(', ')}, got '${unknown}'`);
  return names as BackendName[];
}
