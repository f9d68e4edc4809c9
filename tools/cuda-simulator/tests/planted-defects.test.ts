import { tellCount } from '@gearshift/vitest-config/effort';
import { afterEach, beforeAll, describe, expect, test } from 'vitest';
import { build, lacksTools, run, type Variant } from './native-programs.js';

// The simulator must find defects: each of these kernels, and one host program, has one.

const BUILD_TIMEOUT_MS = 300_000;
const title = lacksTools === null ? 'planted defects' : `planted defects (skipped: needs ${lacksTools})`;

afterEach(({ task }) => {
  if (task.result?.state !== 'fail' && !task.name.includes('without one')) tellCount('R17', 1);
});

describe.skipIf(lacksTools !== null)(title, () => {
  beforeAll(async () => {
    for (const variant of ['plain', 'address', 'thread'] as const) await build(variant);
  }, BUILD_TIMEOUT_MS);

  const everywhere: readonly Variant[] = ['plain', 'address', 'thread'];

  test.for(everywhere)('the %s build reports nothing for a kernel without a defect', async (variant) => {
    const { status, stdout, stderr } = await run(variant, 'planted', 'sound_reversal');
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(stdout).toBe('code 0, first 255, last 0, message: \n');
  });

  test.for([
    ['planted_divergent_barrier', '__syncthreads in divergent code: 128 of 256 threads have ended (block 0, 0)'],
    ['planted_absent_lanes', 'the mask names lanes that are elsewhere or have ended'],
    ['planted_deadlock', 'the mask names lanes that are elsewhere or have ended'],
  ] as const)('%s ends its launch, with the reason', async ([kernel, reason]) => {
    for (const variant of everywhere) {
      const { stdout } = await run(variant, 'planted', kernel);
      expect(stdout, variant).toMatch(/^code 719,/);
      expect(stdout, variant).toContain(reason);
    }
  });

  test('a write beyond an allocation is found by ASan, with the line of the kernel', async () => {
    const { status, stderr } = await run('address', 'planted', 'planted_overrun');
    expect(status).not.toBe(0);
    expect(stderr).toMatch(/AddressSanitizer[\s\S]*in planted_overrun .*planted_kernels\.cu:\d+/);
  });

  test('the host reading device memory is found by ASan', async () => {
    const { status, stderr } = await run('address', 'planted', 'host-read');
    expect(status).not.toBe(0);
    expect(stderr).toContain('use-after-poison');
  });

  test('a missing barrier is found by TSan, with the line of the kernel', async () => {
    const { status, stderr } = await run('thread', 'planted', 'planted_race');
    expect(status).not.toBe(0);
    expect(stderr).toMatch(/ThreadSanitizer: data race[\s\S]*planted_race .*planted_kernels\.cu:\d+/);
  });

  test('a missing barrier and unwritten shared memory give a wrong result too', async () => {
    expect((await run('plain', 'planted', 'planted_race')).stdout).not.toContain('first 255, last 0');
    expect((await run('plain', 'planted', 'planted_uninitialised')).stdout).toContain('first 7, last 4294967295');
  });

  test('a host that does not wait gets a wrong result from lazy streams but not from eager ones', async () => {
    expect((await run('plain', 'planted', 'no-wait', '1')).stdout).toContain('first 0, last 0');
    expect((await run('plain', 'planted', 'no-wait', '0')).stdout).toContain('first 0, last 255');
  });
});
