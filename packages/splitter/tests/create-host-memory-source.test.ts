import { totalmem } from 'node:os';
import { describe, expect, it } from 'vitest';
import { createHostMemorySource } from '../src/index.js';

const GIB = 2 ** 30;

/** The reading on a machine with 16 of 64 GiB free and these files. */
function read(files: Record<string, string>) {
  const { freeBytes, totalBytes } = createHostMemorySource({
    clock: () => 5,
    machine: () => ({ freeBytes: 16 * GIB, totalBytes: 64 * GIB }),
    readTextFile: (path) => {
      if (path in files) return files[path];
      throw Object.assign(new Error(`no ${path}`), { code: 'ENOENT' });
    },
  })();
  return { freeGib: (freeBytes ?? NaN) / GIB, totalGib: (totalBytes ?? NaN) / GIB };
}

const bytes = (gib: number): string => `${gib * GIB}\n`;

describe('createHostMemorySource() with control groups', () => {
  it('reads the memory of the machine without control groups', () => {
    expect(read({})).toEqual({ freeGib: 16, totalGib: 64 });
  });

  it('counts memory of a version 2 group that is not reclaimable', () => {
    const group = '/sys/fs/cgroup/app.slice/node';
    expect(
      read({
        '/proc/self/cgroup': '0::/app.slice/node\n',
        [`${group}/memory.max`]: bytes(4),
        [`${group}/memory.current`]: bytes(3),
        [`${group}/memory.stat`]: `anon 12\ninactive_file ${2 * GIB}\nactive_file 99\n`,
      }),
    ).toEqual({ freeGib: 3, totalGib: 4 });
  });

  it('reads a version 2 group at the root of the view of a container', () => {
    expect(
      read({
        '/proc/self/cgroup': '0::/\n',
        '/sys/fs/cgroup/memory.max': bytes(2),
        '/sys/fs/cgroup/memory.current': bytes(0.5),
      }),
    ).toEqual({ freeGib: 1.5, totalGib: 2 });
  });

  it('applies the limits of all levels of groups', () => {
    expect(
      read({
        '/proc/self/cgroup': '0::/pod/container\n',
        '/sys/fs/cgroup/pod/container/memory.max': bytes(6),
        '/sys/fs/cgroup/pod/container/memory.current': bytes(1),
        '/sys/fs/cgroup/pod/memory.max': bytes(8),
        '/sys/fs/cgroup/pod/memory.current': bytes(7),
        '/sys/fs/cgroup/memory.max': bytes(32),
        '/sys/fs/cgroup/memory.current': bytes(20),
      }),
    ).toEqual({ freeGib: 1, totalGib: 6 });
  });

  it('applies the limit of a parent of a group without one', () => {
    expect(
      read({
        '/proc/self/cgroup': '0::/pod/container\n',
        '/sys/fs/cgroup/pod/container/memory.max': 'max\n',
        '/sys/fs/cgroup/pod/container/memory.current': bytes(1),
        '/sys/fs/cgroup/pod/memory.max': bytes(8),
        '/sys/fs/cgroup/pod/memory.current': bytes(7),
      }),
    ).toEqual({ freeGib: 1, totalGib: 8 });
  });

  it('counts memory of a version 1 group that is not reclaimable', () => {
    const group = '/sys/fs/cgroup/memory/docker/abc';
    expect(
      read({
        '/proc/self/cgroup': '12:cpu,cpuacct:/docker/abc\n7:memory:/docker/abc\n1:name=systemd:/docker/abc\n',
        [`${group}/memory.limit_in_bytes`]: bytes(4),
        [`${group}/memory.usage_in_bytes`]: bytes(2),
        [`${group}/memory.stat`]: `cache 5\ninactive_file 1\ntotal_inactive_file ${GIB}\n`,
        '/sys/fs/cgroup/memory/memory.limit_in_bytes': '9223372036854771712\n',
        '/sys/fs/cgroup/memory/memory.usage_in_bytes': bytes(50),
      }),
    ).toEqual({ freeGib: 3, totalGib: 4 });
  });

  it('reads a version 1 group in a container that sees only its own folder', () => {
    expect(
      read({
        '/proc/self/cgroup': '7:memory:/docker/abc\n0::/docker/abc\n',
        '/sys/fs/cgroup/memory/memory.limit_in_bytes': bytes(4),
        '/sys/fs/cgroup/memory/memory.usage_in_bytes': bytes(1),
      }),
    ).toEqual({ freeGib: 3, totalGib: 4 });
  });

  it('reads between 0 and the memory of the machine for any limit of a group', () => {
    const group = { '/proc/self/cgroup': '0::/\n', '/sys/fs/cgroup/memory.max': bytes(2) };
    expect(read({ ...group, '/sys/fs/cgroup/memory.current': bytes(3) })).toEqual({ freeGib: 0, totalGib: 2 });
    const wide = { '/proc/self/cgroup': '0::/\n', '/sys/fs/cgroup/memory.max': bytes(100) };
    expect(read({ ...wide, '/sys/fs/cgroup/memory.current': bytes(3) })).toEqual({ freeGib: 16, totalGib: 64 });
  });

  it('ignores groups with invalid files, and reads no file outside of their file system', () => {
    const machine = { freeGib: 16, totalGib: 64 };
    expect(read({ '/proc/self/cgroup': 'garbage' })).toEqual(machine);
    expect(read({ '/proc/self/cgroup': '0::/\n', '/sys/fs/cgroup/memory.max': '-5' })).toEqual(machine);
    expect(read({ '/proc/self/cgroup': '0::/\n', '/sys/fs/cgroup/memory.max': bytes(1) })).toEqual(machine);
    const outside = { '/etc/memory.max': bytes(1), '/etc/memory.current': bytes(0) };
    expect(read({ '/proc/self/cgroup': '0::/../../../etc\n', ...outside })).toEqual(machine);
  });
});

it('reads the memory of this machine', () => {
  const { freeBytes, totalBytes, readAtMs } = createHostMemorySource()();
  expect(totalBytes).toBeGreaterThan(2 ** 20);
  expect(totalBytes).toBeLessThanOrEqual(totalmem());
  expect(freeBytes).toBeGreaterThan(0);
  expect(freeBytes).toBeLessThanOrEqual(totalBytes ?? 0);
  expect(readAtMs).toBeGreaterThan(0);
});
