import { vi } from 'vitest';

/** What was allocated for arrays of numbers: in all, and each array that owns its memory. */
export interface Allocations {
  readonly local: readonly number[];
  readonly shared: readonly number[];
}

/** Runs `act` and returns the lengths in bytes of all memory that it allocates for typed arrays. */
export function allocationsOf(act: () => void): Allocations {
  const local: number[] = [];
  const shared: number[] = [];
  const counted = <T extends new (...parameters: never[]) => { readonly byteLength: number }>(
    original: T,
    lengths: number[],
  ): T =>
    new Proxy(original, {
      construct(target, parameters: unknown[], newTarget: new () => object) {
        const created = Reflect.construct(target, parameters, newTarget) as { readonly byteLength: number };
        // Views of memory that is there already allocate nothing.
        if (!(parameters[0] instanceof ArrayBuffer || parameters[0] instanceof SharedArrayBuffer)) {
          lengths.push(created.byteLength);
        }
        return created;
      },
    });
  for (const type of [Float64Array, Int32Array, Uint8Array, ArrayBuffer]) {
    vi.stubGlobal(type.name, counted(type as never, local));
  }
  vi.stubGlobal('SharedArrayBuffer', counted(SharedArrayBuffer as never, shared));
  try {
    act();
  } finally {
    vi.unstubAllGlobals();
  }
  return { local, shared };
}

export function sumOf(lengths: readonly number[]): number {
  return lengths.reduce((sum, length) => sum + length, 0);
}
