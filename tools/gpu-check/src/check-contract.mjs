import { unwrap } from '@gearshift/contracts';
import { contractChecks, runCheck } from '@gearshift/testing';

/**
 * Runs the backend contract, with a new backend for each check.
 *
 * @param {() => ReturnType<typeof import('@gearshift/backend-cuda').createCudaBackend>} create
 */
export async function checkContract(create) {
  const failures = [];
  const skips = [];
  let passed = 0;
  for (const check of contractChecks) {
    let skipped = null;
    try {
      await runCheck(check, async () => unwrap(await create()), { onSkip: (reason) => (skipped = reason) });
      if (skipped === null) passed += 1;
      else skips.push({ check: check.name, reason: skipped });
    } catch (error) {
      failures.push({ check: check.name, reason: error instanceof Error ? error.message : String(error) });
    }
  }
  return { passed, failures, skips };
}
