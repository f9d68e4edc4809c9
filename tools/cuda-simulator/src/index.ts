export {
  loadCudaSimulator,
  type CudaSimulator,
  type SimulatorCounter,
  type SimulatorSetting,
} from './cuda-simulator.js';
