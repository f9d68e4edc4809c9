/** What a companion keeps of each element of a row. */
export const DEVICE_COMPANIONS = ['float16', 'int8'] as const;
export type DeviceCompanion = (typeof DEVICE_COMPANIONS)[number];

/** Fours of elements that 16 bytes of a companion have. */
export const QUADS_OF_BLOCK: Readonly<Record<DeviceCompanion, number>> = { float16: 2, int8: 4 };

/** Blocks of 16 bytes of a row; the last one is padded with zeros. */
export function blocksOfRow(companion: DeviceCompanion, dimensions: number): number {
  return Math.ceil(dimensions / (4 * QUADS_OF_BLOCK[companion]));
}

/** Elements 4 * quad to 4 * quad + 3 of a block, without the scale of the row. Needs no feature of the device. */
export function decodeQuad(companion: DeviceCompanion, block: string, quad: number): string {
  const component = (i: number) => `${block}.${'xyzw'[i]}`;
  if (companion === 'float16') {
    return `vec4<f32>(unpack2x16float(${component(2 * quad)}), unpack2x16float(${component(2 * quad + 1)}))`;
  }
  return `vec4<f32>((vec4<i32>(i32(${component(quad)})) << vec4<u32>(24u, 16u, 8u, 0u)) >> vec4<u32>(24u))`;
}

/** Most that WGSL lets an operation be off by, in shares of its result: it does not say how to round. */
const ROUNDING = 2 ** -23;
/** Roundings of roundings. */
const SECOND_ORDER = 1.05;

/** Factors of the bounds, as 32-bit floats that are not below the exact ones. */
export interface BoundFactors {
  /** Of the measured length of what a code leaves of its row. */
  readonly residual: number;
  /** Of the length of the row, for the roundings of both sums. */
  readonly rounding: number;
  /** Of the squared lengths of a row and a query, for a distance. */
  readonly distance: number;
}

/**
 * Roundings between the score that a scan computes and a bound of it, for sums of so many quads: see "Bounds" in docs/webgpu-backend.md for
 * each term.
 */
export function boundFactors(quads: number): BoundFactors {
  return {
    residual: roundedUp(1 + (1.5 * quads + 24) * SECOND_ORDER * ROUNDING),
    rounding: roundedUp((2 * quads + 24) * SECOND_ORDER * ROUNDING),
    distance: roundedUp((2 * quads + 32) * SECOND_ORDER * ROUNDING),
  };
}

/** The next 32-bit float that is not below a positive number. */
export function roundedUp(value: number): number {
  const rounded = Math.fround(value);
  return rounded >= value ? rounded : Math.fround(rounded * (1 + 2 ** -23));
}
