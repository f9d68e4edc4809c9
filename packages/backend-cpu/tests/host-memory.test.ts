import { constants, PerformanceObserver, type PerformanceEntry } from 'node:perf_hooks';
import { setTimeout } from 'node:timers/promises';
import { nativeRows } from '@gearshift/backend-cpu';
import { createMatrix, graphFromEdges, unwrap, type Operand, type VectorMatrix } from '@gearshift/contracts';
import { collectGarbage } from '@gearshift/vitest-config/collect-garbage';
import { effort } from '@gearshift/vitest-config/effort';
import { expect, test } from 'vitest';
import { loadAddon } from '../src/native.js';
import { createNativeBackend, describeAddon } from './addon-at-hand.js';
import { createStoredMemory, pinVersion, unpin } from './fixtures/stored-memory.mjs';
import { runFixture } from './run-fixture.js';

/** Operands of 5 MB: 300 of them would take 1.5 GB, and again as much for their copies. */
const ROUNDS = effort({ test: 300, ci: 2000 });
/**
 * Released operands must not pile up. When the collector takes those that are only forgotten, and the shared memory of released
 * ones, is up to V8. None would be taken without the report of their memory.
 */
const MOST_BYTES = { release: 350 * 2 ** 20, forget: 1300 * 2 ** 20 };

describeAddon('host memory', () => {
  const kinds = ['matrix', 'shared-matrix', 'graph', 'shared-graph'] as const;
  test.for(kinds.flatMap((kind) => (['release', 'forget'] as const).map((end) => [kind, end] as const)))(
    `a process that makes and uses many operands stays small (%s, %s)`,
    { timeout: 300_000 },
    async ([kind, end]) => {
      const { code, stdout, stderr } = await runFixture(
        'dispose-operands.mjs',
        kind,
        end,
        String(ROUNDS),
        String(MOST_BYTES[end]),
      );
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
      expect(Number(stdout)).toBeLessThan(MOST_BYTES[end]);
    },
  );

  const { addon } = loadAddon();
  const reportedBytes = () => addon?.reportMemory({}, 0) ?? 0;

  test('a resident copy is reported to V8 while it exists, and taken back when it is released', async () => {
    const backend = await createNativeBackend();
    const operands: Operand[] = [
      createMatrix(new Float32Array(500_000), { dimensions: 50 }),
      graphFromEdges(
        1000,
        Array.from({ length: 100_000 }, (_, edge) => [edge % 1000, (edge * 7) % 1000]),
      ),
    ];
    await collectGarbage();
    for (const operand of operands) {
      const before = reportedBytes();
      unwrap(await backend.makeResident(operand));
      const { residentBytes } = backend.residency(operand);
      expect(reportedBytes() - before).toBeGreaterThan(0.7 * residentBytes);
      backend.release(operand);
      expect(Math.abs(reportedBytes() - before)).toBeLessThan(0.05 * residentBytes);
    }
    await backend.close();
  });

  test('shared memory of an operand is reported to V8 once, because V8 does not count it', async () => {
    const backends = [await createNativeBackend(), await createNativeBackend()];
    const values = new Float32Array(new SharedArrayBuffer(20_000_000));
    const matrix = createMatrix(values, { dimensions: 50 });
    // What other tests left behind would be taken off the sum when it is collected.
    await collectGarbage();
    const before = reportedBytes();
    for (const backend of backends) {
      unwrap(await backend.makeResident(matrix));
      backend.release(matrix);
      expect(Math.abs(reportedBytes() - before - values.byteLength)).toBeLessThan(1_000_000);
      await backend.close();
    }
  });

  test('rows that are added to a matrix with codes are no reason to collect garbage', async () => {
    const backend = await createNativeBackend();
    // The codes take more than the 64 MB of new memory from which V8 collects.
    const [rows, dimensions, changes] = [100_000, 768, 30];
    const memory = createStoredMemory(new Float32Array(rows * dimensions).fill(0.5), dimensions, {
      capacity: 2 * rows,
    });
    const makeResident = async () => {
      const matrix: VectorMatrix = { ...pinVersion(memory, 2 ** 49, dimensions), companion: 'codes' };
      unwrap(await backend.makeResident(matrix));
      unpin(memory);
      return matrix;
    };
    expect(backend.describeCompanion?.(await makeResident()).bytes).toBeGreaterThan(64 * 2 ** 20);
    // The first one makes room for many.
    nativeRows()?.append(memory, new Uint8Array(4 * dimensions));
    await makeResident();
    await collectGarbage();

    let collections = 0;
    const observer = new PerformanceObserver((list) => {
      for (const entry of list.getEntries() as (PerformanceEntry & { detail: { kind: number } })[]) {
        if (entry.detail.kind === constants.NODE_PERFORMANCE_GC_MAJOR) collections += 1;
      }
    });
    observer.observe({ entryTypes: ['gc'] });
    for (let change = 0; change < changes; change++) {
      nativeRows()?.append(memory, new Uint8Array(4 * dimensions));
      await makeResident();
      await setTimeout(5);
    }
    observer.disconnect();
    expect(collections).toBeLessThan(changes / 3);
    await backend.close();
  });
});
