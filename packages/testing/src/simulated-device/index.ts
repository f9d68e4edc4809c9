export { type DeviceLoad } from './device-load.js';
export { createNoise, meanNoise, type Noise, type NoiseOptions, type NoiseStream } from './noise.js';
export {
  createSimulatedDevice,
  type DeviceCounts,
  type SimulatedDevice,
  type SimulatedDeviceOptions,
} from './simulated-device.js';
export { faultScript, type DeviceCall, type FaultSource, type SimulatedFault } from './simulated-fault.js';
export { SimulatedMemory, type SimulatedMemoryOptions } from './simulated-memory.js';
export { createVirtualScheduler, type VirtualScheduler, type VirtualTimer } from './virtual-scheduler.js';
