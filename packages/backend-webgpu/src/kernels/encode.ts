import { QUADS_OF_BLOCK, type DeviceCompanion } from './companion-code.js';
import { ROWS_TOGETHER } from './lay-out.js';

export const ENCODE_LANES = 64;

export interface EncodeParameters {
  readonly quads: number;
  readonly blocks: number;
  /** The first row, in its tile, and how many. */
  readonly row: number;
  readonly count: number;
  readonly residualFactor: number;
  readonly roundingFactor: number;
}

export function encodeParameters(p: EncodeParameters): Uint32Array {
  const words = new Uint32Array(8);
  words.set([p.quads, p.blocks, p.row, p.count]);
  new Float32Array(words.buffer).set([p.residualFactor, p.roundingFactor], 4);
  return words;
}

/** Elements below the smallest normal number of float16 are zero, because a device may flush it. */
const LEAST_FLOAT16 = '0x1p-14f';

/**
 * Codes of rows: each lane has one, in the layout of the rows with blocks instead of quads. Reads a row twice and writes its code, its scale and
 * its allowance: how much the score of a query of length 1 can differ from the product with the code, see `boundFactors`.
 */
export function encodeShader(companion: DeviceCompanion): string {
  const quads = Array.from({ length: QUADS_OF_BLOCK[companion] }, (_, i) => i);
  const lines = (write: (quad: number) => string) => quads.map(write).join('\n    ');
  return /* wgsl */ `
struct Parameters { quads: u32, blocks: u32, row: u32, count: u32, residual_factor: f32, rounding_factor: f32 }
@group(0) @binding(0) var<uniform> p: Parameters;
@group(0) @binding(1) var<storage, read> rows: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> norms: array<vec2<f32>>;
@group(0) @binding(3) var<storage, read_write> codes: array<vec4<u32>>;
@group(0) @binding(4) var<storage, read_write> scales: array<vec2<f32>>;

@compute @workgroup_size(${ENCODE_LANES})
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let i = id.x + id.y * groups.x * ${ENCODE_LANES}u;
  if (i >= p.count) { return; }
  let row = p.row + i;
  let at = row / ${ROWS_TOGETHER}u * p.quads * ${ROWS_TOGETHER}u + row % ${ROWS_TOGETHER}u;
  var largest = 0.0;
  for (var quad = 0u; quad < p.quads; quad++) {
    let values = abs(rows[at + quad * ${ROWS_TOGETHER}u]);
    largest = max(largest, max(max(values.x, values.y), max(values.z, values.w)));
  }
  var scale = 0.0;
  var inverse = 0.0;
  if (largest > 0.0) { ${SCALES[companion]} }
  var sums = vec4<f32>();
  for (var block = 0u; block < p.blocks; block++) {
    var code = vec4<u32>();
    ${lines(
      (quad) => `{
      let quad = block * ${quads.length}u + ${quad}u;
      let values = select(vec4<f32>(), rows[at + min(quad, p.quads - 1u) * ${ROWS_TOGETHER}u], quad < p.quads);
      let scaled = values * inverse;
      ${ENCODINGS[companion](quad)}
      let away = values - kept * scale;
      sums = fma(away, away, sums);
    }`,
    )}
    codes[(row / ${ROWS_TOGETHER}u * p.blocks + block) * ${ROWS_TOGETHER}u + row % ${ROWS_TOGETHER}u] = code;
  }
  let residual = sqrt((sums.x + sums.y) + (sums.z + sums.w));
  let norm = max(norms[row].y, 0.0);
  scales[row] = vec2<f32>(scale, residual * p.residual_factor + norm * p.rounding_factor);
}
`;
}

/** A power of two puts the largest element of a float16 row between 2^8 and 2^9; a code of int8 has the largest element as 127. */
const SCALES: Readonly<Record<DeviceCompanion, string>> = {
  float16: `let exponent = bitcast<u32>(largest) >> 23u;
    scale = bitcast<f32>((exponent - 8u) << 23u);
    inverse = bitcast<f32>((262u - exponent) << 23u);`,
  int8: `scale = largest / 127.0;
    inverse = 1.0 / scale;`,
};

const ENCODINGS: Readonly<Record<DeviceCompanion, (quad: number) => string>> = {
  float16: (quad) => `let large = select(vec4<f32>(), scaled, abs(scaled) >= vec4<f32>(${LEAST_FLOAT16}));
      let low = pack2x16float(large.xy);
      let high = pack2x16float(large.zw);
      code.${'xyzw'[2 * quad]} = low;
      code.${'xyzw'[2 * quad + 1]} = high;
      let kept = vec4<f32>(unpack2x16float(low), unpack2x16float(high));`,
  int8: (quad) => `let kept = clamp(round(scaled), vec4<f32>(-127.0), vec4<f32>(127.0));
      let bytes = vec4<u32>(vec4<i32>(kept)) & vec4<u32>(255u);
      code.${'xyzw'[quad]} = bytes.x | (bytes.y << 8u) | (bytes.z << 16u) | (bytes.w << 24u);`,
};
