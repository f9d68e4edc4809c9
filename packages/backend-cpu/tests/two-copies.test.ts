import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { graphFromEdges, unwrap, type CsrGraph } from '@gearshift/contracts';
import { expect, test } from 'vitest';
import { createNativeBackend, describeAddon } from './addon-at-hand.js';
import { runFixture } from './run-fixture.js';

describeAddon('operands that share an id', () => {
  test('two copies of the JavaScript with one addon answer from their own operands', { timeout: 60_000 }, async () => {
    const outcome = await runFixture('two-copies.mjs', addonPath());
    expect(outcome.stderr).toBe('');
    const answers = JSON.parse(outcome.stdout) as Record<string, unknown>;
    expect(new Set(answers['ids'] as number[]).size).toBe(4);
    expect(answers).toMatchObject({
      spread: [
        [0, 1],
        [0, 2],
      ],
      invented: [
        [0, 1],
        [0, 2],
      ],
      crossed: [
        [0, 1],
        [0, 2],
      ],
      scores: [1, 2],
      foreign: 1,
    });
  });

  test('graphs written by hand with the same id and version each get their own answer', async () => {
    const backend = await createNativeBackend();
    const [first, second] = [1, 2].map((weight) => ({ ...graphFromEdges(2, [[0, 1, weight]]), id: 7 }));
    const spread = async (graph: CsrGraph) => {
      const output = new Float32Array(2);
      const activations = Float32Array.of(1, 0);
      unwrap(await backend.spreadActivation({ operation: 'spread-activation', graph, activations, decay: 1 }, output));
      return output[1];
    };
    expect([await spread(first), await spread(second), await spread(first)]).toEqual([1, 2, 1]);
    expect(await Promise.all([spread(second), spread(first), spread(second)])).toEqual([2, 1, 2]);
    await backend.close();
  });

  test('matrices written by hand with the same id and version are never answered from one another', async () => {
    const backend = await createNativeBackend();
    const [first, second] = [1, 2].map((value) => ({
      ...{ id: 9, version: 1, rows: 1, dimensions: 1 },
      values: Float32Array.of(value),
    }));
    unwrap(await backend.makeResident(first));
    const request = { operation: 'top-k', query: Float32Array.of(1), matrix: second, k: 1, metric: 'dot' } as const;
    const output = { indices: new Uint32Array(1), scores: new Float32Array(1), count: 0 };
    unwrap(backend.topKSync(request, output));
    expect(output.scores[0]).toBe(2);
    expect(await backend.makeResident(second)).toMatchObject({ ok: false, error: { kind: 'invalid-input' } });
    await backend.close();
  });
});

/** Path of the addon that the tests use. */
function addonPath(): string {
  const given = process.env['GEARSHIFT_CPU_ADDON'];
  if (given !== undefined && given !== '') return given;
  const prebuilds = fileURLToPath(new URL('../prebuilds/', import.meta.url));
  const loaded = Object.keys(createRequire(import.meta.url).cache).find((path) => path.startsWith(prebuilds));
  if (loaded === undefined) throw new Error('expected the tests to use the addon in prebuilds');
  return loaded;
}
