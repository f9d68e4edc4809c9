import { describeMachine } from '../machine.mjs';

const TYPICAL = { 2: 1 << 20, 3: 32 << 20 };

/** Bytes of the caches of one core as reported by the system, or else typical sizes. */
export function readCacheBytes() {
  const { caches } = describeMachine();
  const bytesOf = (level) => {
    const size = caches.find((cache) => cache.level === level)?.size ?? '';
    const [, count, unit] = /^(\d+)([KM])$/.exec(size) ?? [];
    return count === undefined ? TYPICAL[level] : Number(count) * (unit === 'K' ? 1024 : 1024 ** 2);
  };
  return { l2: bytesOf(2), l3: bytesOf(3) };
}

/** Where a matrix lies that was just scanned: well inside the second level, well inside the third, or far beyond. */
export function placesFor({ l2, l3 }, quick) {
  return [
    { place: 'L2', bytes: l2 * 0.6 },
    // A third of a cache that may be shared with other machines, and clearly more than the second level.
    { place: 'L3', bytes: Math.max(l2 * 4, l3 / 4) },
    { place: 'DRAM', bytes: quick ? l3 * 2 : Math.max(l3 * 8, 256 * 1024 ** 2) },
  ];
}
