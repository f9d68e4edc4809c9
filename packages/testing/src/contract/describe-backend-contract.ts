import assert from 'node:assert/strict';
import type { Backend } from '@gearshift/contracts';
import { describe, test } from 'vitest';
import { runCheck } from './contract-check.js';
import { contractChecks } from './contract-checks.js';

export interface ContractOptions {
  /** Factor for the documented tolerances; default 1. */
  readonly toleranceFactor?: number;
  /** The backend must have the synchronous methods. They are checked on every backend that has them. */
  readonly sync?: boolean;
}

/**
 * The contract as a vitest suite: one test for each check, each with a new backend.
 *
 * @param name name of the suite
 * @param createBackend called for each test; the backend is closed after it
 */
export function describeBackendContract(
  name: string,
  createBackend: () => Promise<Backend>,
  { toleranceFactor = 1, sync = false }: ContractOptions = {},
): void {
  describe(`contract of ${name}`, () => {
    for (const check of contractChecks) {
      test(check.name, async ({ skip }) => {
        await runCheck(check, createBackend, { toleranceFactor, onSkip: (reason) => skip(reason) });
      });
    }
    if (!sync) return;
    test('synchronous twins are there', async () => {
      const backend = await createBackend();
      for (const method of ['cosineSimilaritySync', 'topKSync', 'spreadActivationSync']) {
        assert.equal(typeof Reflect.get(backend, method), 'function', method);
      }
      await backend.close();
    });
  });
}
