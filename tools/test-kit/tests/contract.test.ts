import { createFakeGpuBackend, createOracleBackend, describeBackendContract } from '@gearshift/test-kit';

// Two backends that share nothing with a real one inside: what the suite demands is the contract, not an implementation.
describeBackendContract('the oracle', async () => createOracleBackend(), { sync: true });
describeBackendContract('the fake GPU', async () => createFakeGpuBackend({ latencyMs: 2 }));
