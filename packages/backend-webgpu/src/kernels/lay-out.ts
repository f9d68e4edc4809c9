/** Rows that lie together on the device: element j of each, then element j + 1 of each, four elements at a time. */
export const ROWS_TOGETHER = 64;
export const LAY_OUT_LANES = 64;

/** Parameters of {@link LAY_OUT}. */
export function layOutParameters(row: number, quads: number, count: number): Uint32Array {
  return Uint32Array.of(row, quads, count, 0);
}

/**
 * Moves rows, one after the other and padded to whole quads of four elements, to their places among {@link ROWS_TOGETHER} rows: neighbouring
 * lanes of a scan then read neighbouring memory. Reads and writes 16 bytes a quad.
 */
export const LAY_OUT = /* wgsl */ `
struct Parameters { row: u32, quads: u32, count: u32 }
@group(0) @binding(0) var<uniform> p: Parameters;
@group(0) @binding(1) var<storage, read> rows: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> laid_out: array<vec4<f32>>;

@compute @workgroup_size(${LAY_OUT_LANES})
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let i = id.x + id.y * groups.x * ${LAY_OUT_LANES}u;
  if (i >= p.count) { return; }
  let row = p.row + i / p.quads;
  let quad = i % p.quads;
  laid_out[(row / ${ROWS_TOGETHER}u * p.quads + quad) * ${ROWS_TOGETHER}u + row % ${ROWS_TOGETHER}u] = rows[i];
}
`;
