import { createFakeGpuBackend } from '../src/index.js';
import { describeBackendContract } from '../src/vitest.js';
import { withFault } from './faults/with-fault.js';

// Two backends that share nothing with a real one inside: what the suite demands is the contract, not an implementation.
// The oracle goes through the place where faults are put in, to show that this is none itself.
describeBackendContract('the oracle', async () => withFault({}), { sync: true });
describeBackendContract('the fake GPU', async () => createFakeGpuBackend({ latencyMs: 2 }));
