import { createFakeGpuBackend, createPlacingBackend } from '../src/index.js';
import { describeBackendContract } from '../src/vitest.js';
import { withFault } from './faults/with-fault.js';

// Two backends that are independent of the real ones, because the suite checks the contract and not an implementation.
// The oracle runs through the code that adds faults, to show that this code adds none by itself.
describeBackendContract('the oracle', async () => withFault({}), { sync: true });
describeBackendContract('the placing backend', async () => createPlacingBackend());
describeBackendContract('the fake GPU', async () => createFakeGpuBackend({ latencyMs: 2 }));
