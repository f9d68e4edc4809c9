import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';

/** Settings for tests: see native/driver/settings.h. */
export type SimulatorSetting =
  | 'devices'
  | 'memory_bytes'
  | 'driver_version'
  | 'compute_capability'
  | 'init_code'
  | 'module_code'
  | 'seed'
  | 'lazy'
  | 'operation_us'
  | 'fail_call'
  | 'fail_allocation'
  | 'fail_operation'
  | 'fail_code'
  | 'fail_from_there_on'
  | 'hang_operation'
  | 'vanish_call'
  | 'corrupt_download';

export type SimulatorCounter =
  | 'calls'
  | 'operations'
  | 'launches'
  | 'allocations'
  | 'live_allocations'
  | 'live_host_allocations'
  | 'live_streams'
  | 'live_events'
  | 'live_modules'
  | 'live_contexts'
  | 'used_bytes'
  | 'peak_bytes'
  | 'uploaded_bytes'
  | 'downloaded_bytes'
  | 'leaks'
  | 'misuses'
  | 'undefined';

export interface CudaSimulator {
  set(name: SimulatorSetting, value: number): void;
  get(name: SimulatorSetting | SimulatorCounter): number;
  /** The error of the last kernel that failed. */
  message(): string;
  /** Each kernel's name, and the bytes of each of its parameters. */
  kernels(): [name: string, ...parameterBytes: number[]][];
}

const ADDON = fileURLToPath(new URL('../prebuilds/cuda-simulator.node', import.meta.url));

/**
 * Loads the simulated driver into this process. Later loads of the CUDA driver get this one, because a library is loaded once
 * under its name. Call it before a CUDA backend is created.
 *
 * @returns null if it was not built (no C++ compiler or CMake, or not Linux)
 */
export function loadCudaSimulator(): CudaSimulator | null {
  if (!existsSync(ADDON)) return null;
  return createRequire(import.meta.url)(ADDON) as CudaSimulator;
}
