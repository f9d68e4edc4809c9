import { posix } from 'node:path';

/** Reads a small text file; throws if it does not exist. */
export type ReadTextFile = (path: string) => string;

/** The memory that a control group leaves to this process. */
export interface GroupMemory {
  readonly freeBytes: number;
  readonly limitBytes: number;
}

/** Where a memory controller of either version keeps its limit and its usage. */
interface Hierarchy {
  readonly root: string;
  readonly limitFile: string;
  readonly usageFile: string;
  /** Line of `memory.stat`: file pages that the kernel drops before it lets an allocation fail. */
  readonly reclaimableKey: string;
}

const VERSION_1: Hierarchy = {
  root: '/sys/fs/cgroup/memory',
  limitFile: 'memory.limit_in_bytes',
  usageFile: 'memory.usage_in_bytes',
  reclaimableKey: 'total_inactive_file',
};
const VERSION_2: Hierarchy = {
  root: '/sys/fs/cgroup',
  limitFile: 'memory.max',
  usageFile: 'memory.current',
  reclaimableKey: 'inactive_file',
};
/** Version 1 writes the largest possible number of pages for "no limit"; no machine has as much memory. */
const NO_LIMIT_BYTES = 2 ** 60;

/**
 * The memory that the control groups of this process leave to it, or null without a limit.
 *
 * Each group up to the root may have a limit, and all limits apply: that of a pod also applies to a container with a larger
 * one. `process.availableMemory()` is not used, because it reads only the innermost group and counts file cache as used,
 * which the kernel drops when memory runs short. See "Memory Interface Files" in the kernel's cgroup-v2 document.
 */
export function readGroupMemory(read: ReadTextFile): GroupMemory | null {
  let tightest: GroupMemory | null = null;
  for (const [hierarchy, path] of groupsOf(read)) {
    for (const folder of upToRoot(hierarchy.root, path)) {
      tightest = tighter(tightest, readGroup(read, hierarchy, folder));
    }
  }
  return tightest;
}

function tighter(one: GroupMemory | null, other: GroupMemory | null): GroupMemory | null {
  if (one === null || other === null) return one ?? other;
  return {
    freeBytes: Math.min(one.freeBytes, other.freeBytes),
    limitBytes: Math.min(one.limitBytes, other.limitBytes),
  };
}

/** Lines of `/proc/self/cgroup` are `id:controllers:path`; version 2 has the one with id 0 and no controllers. */
function groupsOf(read: ReadTextFile): [Hierarchy, string][] {
  const text = tryText(read, '/proc/self/cgroup');
  if (text === null) return [];
  return text.split('\n').flatMap((line): [Hierarchy, string][] => {
    const [id, controllers = '', ...path] = line.split(':');
    if (controllers.split(',').includes('memory')) return [[VERSION_1, path.join(':')]];
    return id === '0' && controllers === '' ? [[VERSION_2, path.join(':')]] : [];
  });
}

/** In a container the path may be that of the host, where only the root is mounted: folders that do not exist are skipped. */
function upToRoot(root: string, path: string): string[] {
  const folders: string[] = [];
  let folder = posix.join(root, posix.normalize(`/${path}`));
  while (folder.length > root.length) {
    folders.push(folder);
    folder = posix.dirname(folder);
  }
  return [...folders, root];
}

function readGroup(read: ReadTextFile, hierarchy: Hierarchy, folder: string): GroupMemory | null {
  const limitBytes = toBytes(tryText(read, posix.join(folder, hierarchy.limitFile)));
  if (limitBytes === null || limitBytes >= NO_LIMIT_BYTES) return null;
  const usedBytes = toBytes(tryText(read, posix.join(folder, hierarchy.usageFile)));
  if (usedBytes === null) return null;
  const stat = tryText(read, posix.join(folder, 'memory.stat')) ?? '';
  const line = stat.split('\n').find((text) => text.startsWith(`${hierarchy.reclaimableKey} `));
  const reclaimableBytes = toBytes(line?.slice(hierarchy.reclaimableKey.length) ?? null) ?? 0;
  const freeBytes = Math.max(0, limitBytes - Math.max(0, usedBytes - reclaimableBytes));
  return { freeBytes: Math.min(limitBytes, freeBytes), limitBytes };
}

/** Null for `max`, which means "no limit" in version 2, and for anything else that is not a number. */
function toBytes(text: string | null): number | null {
  return text !== null && /^\s*\d+\s*$/.test(text) ? Number(text) : null;
}

function tryText(read: ReadTextFile, path: string): string | null {
  try {
    return read(path);
  } catch {
    return null;
  }
}
