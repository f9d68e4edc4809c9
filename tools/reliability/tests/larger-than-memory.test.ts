import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { effort } from '@gearshift/vitest-config/effort';
import { expect, test } from 'vitest';
import { reasonAgainstControlGroups, runWithMemory } from './control-group.js';

const ROWS = effort({ test: 250_000, ci: 1_000_000 });
const QUERIES = effort({ test: 20, ci: 60 });
const FIXTURE = fileURLToPath(new URL('fixtures/larger-than-memory.mjs', import.meta.url));
/** The codes, and a third of what else is needed to have all rows in memory. */
const LIMIT_BYTES = 2 ** 27 + ROWS * 384 * 4 * 0.5;

const reason = reasonAgainstControlGroups();

interface Report {
  readonly fileBytes: number;
  readonly read: number;
  readonly wrong: number;
  readonly rankings: number;
}

test.skipIf(reason !== undefined)(
  `a file larger than memory is searched exactly, and little of it is read${reason === undefined ? '' : ` (skipped: ${reason})`}`,
  { timeout: 1_200_000 },
  async () => {
    const folder = mkdtempSync(join(tmpdir(), 'gearshift-large-'));
    try {
      const outcome = await runWithMemory(LIMIT_BYTES, [FIXTURE, folder, String(ROWS), String(QUERIES)]);
      const { code, signal, stdout, stderr } = outcome;
      expect({ code, signal, stderr }).toEqual({ code: 0, signal: null, stderr: '' });
      const { fileBytes, read, wrong, rankings } = JSON.parse(stdout) as Report;
      expect(fileBytes).toBeGreaterThan(LIMIT_BYTES);
      expect(rankings).toBe(QUERIES);
      expect(wrong).toBe(0);
      // Without advice the system reads megabytes around each row: several times the file for these queries.
      expect(read).toBeLessThan(0.02 * QUERIES * fileBytes);
    } finally {
      rmSync(folder, { recursive: true });
    }
  },
);
