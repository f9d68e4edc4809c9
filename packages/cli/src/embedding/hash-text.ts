/**
 * 32-bit FNV-1a over UTF-16 code units, with {@link mixBits} at the end: with FNV alone the low bits of short strings are
 * correlated, and the bucket and the sign use different bits of one hash.
 *
 * Signed, because V8 stores small signed integers without a heap object, which matters in a map of millions of them.
 */
export function hashText(text: string, seed: number): number {
  let hash = 0x811c9dc5 ^ seed;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    hash = Math.imul(hash ^ (unit & 0xff), 0x01000193);
    hash = Math.imul(hash ^ (unit >>> 8), 0x01000193);
  }
  return mixBits(hash);
}

/** The finalizer of MurmurHash3: every bit of the result depends on every bit of `value`. */
export function mixBits(value: number): number {
  let hash = value ^ (value >>> 16);
  hash = Math.imul(hash, 0x85ebca6b);
  hash ^= hash >>> 13;
  hash = Math.imul(hash, 0xc2b2ae35);
  return hash ^ (hash >>> 16);
}
