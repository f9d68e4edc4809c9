import { existsSync, readdirSync } from 'node:fs';

/** Files of drivers for GPUs: of the kernel for most, of NVIDIA, of Windows in its subsystem for Linux, of Arm and of Qualcomm. */
const RENDER_NODES = '/dev/dri';
const OTHER_NODES = ['/dev/nvidia0', '/dev/dxg', '/dev/mali0', '/dev/kgsl-3d0'];

/**
 * Whether this machine has a GPU, by the files of its driver. Drivers in software need none, and some of them print messages when Dawn looks
 * at them, so that a machine without a GPU does without Dawn.
 *
 * @returns why there is no GPU, if so; undefined on other systems than Linux
 */
export function lacksGpu(): string | undefined {
  if (process.platform !== 'linux' || OTHER_NODES.some((file) => existsSync(file)) || hasRenderNode()) return undefined;
  return `no GPU: neither ${RENDER_NODES}/renderD* nor ${OTHER_NODES.join(', ')} is there`;
}

function hasRenderNode(): boolean {
  try {
    return readdirSync(RENDER_NODES).some((name) => name.startsWith('renderD'));
  } catch {
    return false;
  }
}
