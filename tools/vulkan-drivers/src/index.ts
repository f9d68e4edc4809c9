export { type DriverName } from './driver-files.js';
export { paceDawn } from './pace-dawn.js';
export { softwareDriver, type MissingDriver, type SoftwareDriver } from './software-driver.js';
export { type FaultCounters, type FaultResult, type FaultyCall, type VulkanFaults } from './vulkan-faults.js';
