// Work on a WebGPU device that shows whether its driver works.

export const VALUE_COUNT = 1000;
const DOUBLE = `
  @group(0) @binding(0) var<storage, read_write> values: array<f32>;
  @compute @workgroup_size(64) fn main(@builtin(global_invocation_id) id: vec3u) {
    if (id.x < arrayLength(&values)) { values[id.x] *= 2; }
  }`;
/** Writes all over a buffer for about a tenth of a second. */
const LONG = `
  @group(0) @binding(0) var<storage, read_write> values: array<u32>;
  @compute @workgroup_size(64) fn main(@builtin(global_invocation_id) id: vec3u) {
    for (var i = 0u; i < 300u; i++) { values[(id.x * 64u + i * 977u) % arrayLength(&values)] += i; }
  }`;

/** Kept for the life of the process: Dawn crashes when this object is collected while devices exist. */
let gpu: GPU | null = null;

export async function requestAdapter(): Promise<GPUAdapter> {
  gpu ??= await startDawn();
  const adapter = await gpu.requestAdapter();
  if (adapter === null) throw new Error('Dawn finds no adapter');
  return adapter;
}

/** Loads the addon as late as here: on some machines where the tests are skipped it does not load. */
async function startDawn(): Promise<GPU> {
  const { create, globals } = await import('webgpu');
  Object.assign(globalThis, globals);
  return create(['backend=vulkan']);
}

export async function requestDevice(): Promise<GPUDevice> {
  return (await requestAdapter()).requestDevice();
}

export function createPipeline(device: GPUDevice, code = DOUBLE): Promise<GPUComputePipeline> {
  const module = device.createShaderModule({ code });
  return device.createComputePipelineAsync({ layout: 'auto', compute: { module, entryPoint: 'main' } });
}

export function createBuffer(device: GPUDevice, size: number): GPUBuffer {
  return device.createBuffer({
    size,
    usage: GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST,
  });
}

/** Doubles 0, 1, 2 ... on the device. */
export async function double(device: GPUDevice): Promise<Float32Array> {
  const pipeline = await createPipeline(device);
  const values = Float32Array.from({ length: VALUE_COUNT }, (_, index) => index);
  const buffer = createBuffer(device, values.byteLength);
  const readable = device.createBuffer({
    size: values.byteLength,
    usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST,
  });
  device.queue.writeBuffer(buffer, 0, values);
  const encoder = encode(device, pipeline, buffer, Math.ceil(VALUE_COUNT / 64));
  encoder.copyBufferToBuffer(buffer, 0, readable, 0, values.byteLength);
  device.queue.submit([encoder.finish()]);
  await readable.mapAsync(GPUMapMode.READ);
  const doubled = new Float32Array(readable.getMappedRange()).slice();
  buffer.destroy();
  readable.destroy();
  return doubled;
}

/** Submits work that is still under way when this resolves. */
export async function submitLongWork(device: GPUDevice): Promise<GPUBuffer> {
  const pipeline = await createPipeline(device, LONG);
  const buffer = createBuffer(device, 2 ** 26);
  device.queue.submit([encode(device, pipeline, buffer, 64).finish()]);
  return buffer;
}

function encode(device: GPUDevice, pipeline: GPUComputePipeline, buffer: GPUBuffer, groups: number): GPUCommandEncoder {
  const encoder = device.createCommandEncoder();
  const pass = encoder.beginComputePass();
  pass.setPipeline(pipeline);
  const entries = [{ binding: 0, resource: { buffer } }];
  pass.setBindGroup(0, device.createBindGroup({ layout: pipeline.getBindGroupLayout(0), entries }));
  pass.dispatchWorkgroups(groups);
  pass.end();
  return encoder;
}

/** Submits nothing, and resolves when it is done. */
export function submit(device: GPUDevice): Promise<undefined> {
  device.queue.submit([device.createCommandEncoder().finish()]);
  return device.queue.onSubmittedWorkDone();
}

/** The error of a kind that `work` causes, or null. */
export async function errorOf(device: GPUDevice, kind: GPUErrorFilter, work: () => unknown): Promise<GPUError | null> {
  device.pushErrorScope(kind);
  work();
  return device.popErrorScope();
}
