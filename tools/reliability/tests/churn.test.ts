import { fileURLToPath } from 'node:url';
import { effort, tellCount } from '@gearshift/vitest-config/effort';
import { expect, test } from 'vitest';
import { reasonAgainstControlGroups, runWithMemory } from './control-group.js';

const CHANGES = effort({ test: 6000, ci: 100_000, nightly: 1_000_000 });
const FIXTURE = fileURLToPath(new URL('fixtures/churn.mjs', import.meta.url));
const LIMIT_BYTES = 512 * 2 ** 20;

const reason = reasonAgainstControlGroups();

test.skipIf(reason !== undefined)(
  `matrices are made, changed and disposed in 512 MB, ${CHANGES} changes${reason === undefined ? '' : ` (skipped: ${reason})`}`,
  { timeout: 3_600_000 },
  async () => {
    const { code, signal, stdout, stderr } = await runWithMemory(LIMIT_BYTES, [FIXTURE, String(CHANGES)]);
    expect({ code, signal, stderr }).toEqual({ code: 0, signal: null, stderr: '' });
    const { changes } = JSON.parse(stdout) as { changes: number };
    expect(changes).toBe(CHANGES);
    tellCount('R21', changes);
  },
);
