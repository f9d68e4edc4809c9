/** Smaller memory is collected in time anyway, with the objects around it. */
const LARGE_BYTES = 2 ** 16;
const MOST_BYTES = 2 ** 31;

/**
 * What a buffer may grow by, as a share of it, before it is counted anew: a matrix that grows row by row would otherwise have its garbage
 * collected with every row.
 */
const UNCOUNTED_SHARE = 1 / 8;

/*
 * V8 collects garbage when the memory of ordinary buffers has grown, but does not count shared ones: those that nothing refers
 * to any more would stay resident. So ordinary buffers of the same length together live as long as the shared one. Nothing
 * touches them, and as resizable buffers they are made of pages that take no physical memory until then.
 */
interface Counted {
  bytes: number;
  readonly parts: ArrayBuffer[];
}
const counted = new WeakMap<SharedArrayBuffer, Counted>();

/** Makes V8 count the memory of a buffer, about as long as it is now. */
export function countMemory(buffer: SharedArrayBuffer): void {
  const bytes = Math.min(buffer.byteLength, MOST_BYTES);
  const known = counted.get(buffer) ?? { bytes: 0, parts: [] };
  const more = bytes - known.bytes;
  if (more < Math.max(LARGE_BYTES, UNCOUNTED_SHARE * known.bytes)) return;
  try {
    known.parts.push(new ArrayBuffer(more, { maxByteLength: more }));
    known.bytes = bytes;
    counted.set(buffer, known);
  } catch {
    // Without address space for it, the memory is only collected later.
  }
}

/** For a buffer that takes no memory any more. */
export function discountMemory(buffer: SharedArrayBuffer): void {
  counted.delete(buffer);
}
