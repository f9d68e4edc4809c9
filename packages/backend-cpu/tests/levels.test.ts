import { unwrap } from '@gearshift/contracts';
import { CPU_LEVELS, createCpuBackend } from '@gearshift/backend-cpu';
import { describeBackendContract } from '@gearshift/testing/vitest';
import { expect, test } from 'vitest';

/*
 * The contract on every instruction-set level that this machine can run; the others are skipped by name. One thread and
 * several threads use different code in the addon.
 */
for (const level of CPU_LEVELS) {
  const attempt = await createCpuBackend({ level });
  if (!attempt.ok) {
    const { kind, message } = attempt.error;
    test(`level ${level} meets the backend contract`, ({ skip }) => {
      // Only 'unsupported' is a reason to skip; any other error must fail the test.
      expect(kind).toBe('unsupported');
      skip(message);
    });
    continue;
  }
  await attempt.value.close();

  test(`level ${level} runs at the requested level`, async () => {
    const backend = unwrap(await createCpuBackend({ level }));
    expect(backend.describe()).toMatchObject({
      level,
      source: level === 'typescript' ? 'portable' : expect.any(String),
    });
    await backend.close();
  });
  describeBackendContract(`level ${level}`, async () => unwrap(await createCpuBackend({ level })), { sync: true });
  if (level === 'typescript') continue;
  const createOneThread = async () => unwrap(await createCpuBackend({ level, threads: 1 }));
  describeBackendContract(`level ${level} on one thread`, createOneThread, { sync: true });
}
