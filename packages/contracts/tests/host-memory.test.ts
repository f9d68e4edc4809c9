import { expect, it } from 'vitest';
import { readHostMemory } from '../src/internal.js';

const machine = () => ({ freeBytes: 600, totalBytes: 1000 });

it('reads the memory of the machine when no control group limits the process', () => {
  const readTextFile = (path: string): string => {
    throw new Error(`no ${path}`);
  };
  expect(readHostMemory({ machine, readTextFile })).toEqual({ freeBytes: 600, totalBytes: 1000 });
});

it('counts reclaimable file cache as free and applies the limit of an outer control group', () => {
  const files: Record<string, string> = {
    '/proc/self/cgroup': '0::/pod/container\n',
    '/sys/fs/cgroup/pod/container/memory.max': '900\n',
    '/sys/fs/cgroup/pod/container/memory.current': '100\n',
    '/sys/fs/cgroup/pod/memory.max': '500\n',
    '/sys/fs/cgroup/pod/memory.current': '450\n',
    '/sys/fs/cgroup/pod/memory.stat': 'anon 150\ninactive_file 300\n',
  };
  expect(readHostMemory({ machine, readTextFile: (path) => files[path] })).toEqual({ freeBytes: 350, totalBytes: 500 });
});

it('reads the memory of this machine', () => {
  const { freeBytes, totalBytes } = readHostMemory();
  expect(freeBytes).toBeGreaterThan(0);
  expect(freeBytes).toBeLessThanOrEqual(totalBytes);
});
