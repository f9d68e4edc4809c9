import { WORKGROUP_LANES } from '../kernels/sort.js';
import type { GpuDevice } from './gpu-device.js';

/** With fewer lanes in a subgroup, a sort is no faster than in the memory of a workgroup. */
const LEAST_LANES = 8;

/**
 * How many lanes of a subgroup kernels may use; undefined for none. WGSL does not say that workgroups have whole subgroups, so that the device
 * shows it once.
 *
 * @param wanted instead of as many as there are; 0 for none
 */
export async function subgroupLanesOf(
  gpu: GpuDevice,
  dawn: GPU,
  { features, info }: GPUAdapter,
  wanted?: number,
): Promise<number | undefined> {
  const lanes = wanted ?? info.subgroupMinSize ?? 0;
  const least = wanted === undefined ? LEAST_LANES : 2;
  const isThere = features.has('subgroups') && dawn.wgslLanguageFeatures.has('subgroup_id');
  if (!isThere || lanes < least || WORKGROUP_LANES % lanes !== 0) return undefined;
  return (await exchangesValues(gpu, lanes)) ? lanes : undefined;
}

/** Whether the numbers that kernels give to lanes are all different, and lanes get the value of the lane that they ask for. */
async function exchangesValues(gpu: GpuDevice, lanes: number): Promise<boolean> {
  const kernel = await gpu.kernel('exchange', () => EXCHANGE);
  if (!kernel.ok) return false;
  const results = await gpu.run((work) => {
    const found = work.scratch(WORKGROUP_LANES * STRIDES * 4);
    work.dispatch(kernel.value, [found], 1);
    work.read(found, WORKGROUP_LANES * STRIDES * 4);
  });
  if (!results.ok) return false;
  const numbers = new Uint32Array(results.value[0]);
  const own = Array.from({ length: WORKGROUP_LANES }, (_, lane) => numbers[lane * STRIDES]);
  const areAll = new Set(own).size === WORKGROUP_LANES && Math.max(...own) === WORKGROUP_LANES - 1;
  const others = own.every((number, lane) => {
    for (let i = 1; i < STRIDES && 1 << (i - 1) < lanes; i++) {
      if (numbers[lane * STRIDES + i] !== (number ^ (1 << (i - 1)))) return false;
    }
    return true;
  });
  return areAll && others;
}

/** The own number of a lane, and those of the lanes 1, 2, 4 ... 64 away. */
const STRIDES = 8;

const EXCHANGE = /* wgsl */ `
enable subgroups;
@group(0) @binding(0) var<storage, read_write> found: array<u32>;

@compute @workgroup_size(${WORKGROUP_LANES})
fn main(
  @builtin(local_invocation_index) lane: u32,
  @builtin(subgroup_id) subgroup: u32, @builtin(subgroup_size) subgroup_size: u32, @builtin(subgroup_invocation_id) place: u32,
) {
  let number = subgroup * subgroup_size + place;
  found[lane * ${STRIDES}u] = number;
  ${Array.from({ length: STRIDES - 1 }, (_, i) => `found[lane * ${STRIDES}u + ${i + 1}u] = subgroupShuffleXor(number, min(${1 << i}u, subgroup_size / 2u));`).join('\n  ')}
}
`;
