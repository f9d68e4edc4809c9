import assert from 'node:assert/strict';
import { createGraph, graphFromEdges, SPREAD_DEFAULTS, type Edge } from '@gearshift/contracts';
import { powerLawGraph, uniformGraph } from '../random/random-graphs.js';
import { randomValues } from '../random/random-vectors.js';
import { spreadLikeOracle } from './against-oracle.js';
import { askSpread, type SpreadOptions } from './ask.js';
import { assertSameBits } from './assertions.js';
import type { ContractCheck } from './contract-check.js';
import { joined, onOffset, onShared } from './operands.js';

export const spreadChecks: readonly ContractCheck[] = [
  {
    name: 'spreading: edges lead from sender to receiver, and the defaults are the documented ones',
    async run(subject) {
      const graph = graphFromEdges(4, [
        [0, 1, 2],
        [1, 2, 0.5],
        [0, 2, 1],
        [0, 2, 1],
      ]);
      const activations = Float32Array.of(8, 4, 0, 16);
      const decay = Math.fround(SPREAD_DEFAULTS.decay);
      const expected = Float32Array.of(0, decay * 16, decay * 18, 0);
      assertSameBits(await askSpread(subject, { graph, activations }), expected, 'one hop by the defaults');
      const kept = await askSpread(subject, { graph, activations, decay: 0.5, retention: 0.25 });
      assertSameBits(kept, Float32Array.of(2, 9, 9, 4), 'with retention');
    },
  },
  {
    name: 'spreading: is correct on uniform and power-law graphs at the boundaries of the node count',
    async run(subject) {
      for (const nodes of [1, 15, 16, 17, 63, 64, 65, 769]) {
        for (const graph of [
          uniformGraph({ nodes, edgesPerNode: 6, seed: nodes }),
          powerLawGraph({ nodes, edgesPerNode: 9, seed: nodes }),
        ]) {
          const activations = randomValues(nodes, 40);
          await spreadLikeOracle(subject, { graph, activations, retention: 0.3 }, `${nodes} nodes`);
        }
      }
      const graph = powerLawGraph({ nodes: 30_000, edgesPerNode: 8, seed: 41 });
      await spreadLikeOracle(subject, { graph, activations: randomValues(30_000, 42) }, '30000 nodes');
    },
  },
  {
    name: 'spreading: is correct over several hops and with a threshold',
    async run(subject) {
      const graph = powerLawGraph({ nodes: 300, edgesPerNode: 5, seed: 43 });
      const activations = randomValues(300, 44);
      for (const hops of [0, 1, 2, 3, 4, 7]) {
        for (const threshold of [0, 0.5]) {
          const options = { graph, activations, hops, decay: 0.4, retention: 0.2, threshold };
          await spreadLikeOracle(subject, options, `${hops} hops, threshold ${threshold}`);
        }
      }
    },
  },
  {
    name: 'spreading: a value below the threshold becomes 0 and does not spread; a value equal to it stays',
    async run(subject) {
      const graph = graphFromEdges(5, [
        [0, 1, 1],
        [0, 2, 0.25],
        [1, 3, 1],
        [2, 4, 8],
      ]);
      const activations = Float32Array.of(-2, 0, 0, 0, 0);
      const one = await askSpread(subject, { graph, activations, decay: 1, threshold: 2 });
      assertSameBits(one, Float32Array.of(0, -2, 0, 0, 0), 'one hop');
      const two = await askSpread(subject, { graph, activations, decay: 1, threshold: 2, hops: 2 });
      assertSameBits(two, Float32Array.of(0, 0, 0, -2, 0), 'two hops');
      // 0.7 as float32 is smaller than 0.7 as double. Options are used as float32.
      const exact = { graph, activations: Float32Array.of(0.7, 0, 0, 0, 0), decay: 0, retention: 1, threshold: 0.7 };
      assertSameBits(await askSpread(subject, exact), exact.activations, 'a threshold that float32 does not have');
    },
  },
  {
    name: 'spreading: several hops equal as many single hops, bit for bit',
    async run(subject) {
      const graph = uniformGraph({ nodes: 200, edgesPerNode: 4, seed: 45 });
      const options = { graph, decay: 0.5, retention: 0.1, threshold: 0.01 };
      const start = randomValues(200, 46);
      let stepwise: Float32Array = start;
      for (let hops = 1; hops <= 4; hops++) {
        stepwise = await askSpread(subject, { ...options, activations: stepwise });
        const together = await askSpread(subject, { ...options, activations: start, hops });
        assertSameBits(together, stepwise, `${hops} hops`);
      }
    },
  },
  {
    name: 'spreading: joined ranges of receiving nodes equal the whole hop, bit for bit',
    async run(subject) {
      const graph = powerLawGraph({ nodes: 250, edgesPerNode: 6, seed: 47 });
      const activations = randomValues(250, 48);
      const whole = await spreadLikeOracle(subject, { graph, activations, retention: 0.5 }, 'whole');
      const cuts = [0, 1, 3, 3, 120, 249, 250];
      const parts: Float32Array[] = [];
      for (let i = 1; i < cuts.length; i++) {
        parts.push(await askSpread(subject, { graph, activations, retention: 0.5, start: cuts[i - 1], end: cuts[i] }));
      }
      assertSameBits(joined(parts), whole, 'ranges');
    },
  },
  {
    name: 'spreading: is correct for unaligned activations and outputs, and in shared memory',
    async run(subject) {
      const graph = uniformGraph({ nodes: 77, edgesPerNode: 5, seed: 49 });
      const values = randomValues(77, 50);
      for (const offset of [0, 1, 2, 3]) {
        await spreadLikeOracle(
          subject,
          { graph, activations: onOffset(values, offset) },
          `offset ${offset}`,
          3 - offset,
        );
      }
      await spreadLikeOracle(subject, { graph, activations: onShared(values) }, 'shared');
    },
  },
  {
    name: 'spreading: NaN and infinities reach exactly the nodes given by IEEE arithmetic',
    async run(subject) {
      const graph = graphFromEdges(8, [
        [0, 1, 1],
        [2, 3, 0],
        [2, 4, -1],
        [5, 6, 1],
        [2, 6, 1],
      ]);
      const activations = Float32Array.of(NaN, 1, Infinity, 1, 1, -Infinity, 1, 5);
      const options = { graph, activations, decay: 1, retention: 1 };
      const expected = Float32Array.of(NaN, NaN, Infinity, NaN, -Infinity, -Infinity, NaN, 5);
      assertSameBits(await askSpread(subject, options), expected, 'one hop');
      const filtered = await askSpread(subject, { ...options, threshold: 10 });
      const above = Float32Array.of(NaN, NaN, Infinity, NaN, -Infinity, -Infinity, NaN, 0);
      assertSameBits(filtered, above, 'with a threshold');
    },
  },
  {
    name: 'spreading: sums, shares and products beyond float32 give the finite result of double precision',
    async run(subject) {
      const ones = (nodes: number) => new Float32Array(nodes).fill(1);
      const large = Math.fround(3e38);
      const spread = async (edges: Edge[], nodes: number, options: Partial<SpreadOptions>) =>
        askSpread(subject, { graph: graphFromEdges(nodes, edges), activations: ones(nodes), ...options });

      // Sums of whole multiples of one number are exact in double precision, in every order.
      const cancelling: Edge[] = [large, large, -large].map((weight, sender) => [sender, 3, weight]);
      const half = Float32Array.of(0, 0, 0, large / 2);
      assertSameBits(await spread(cancelling, 4, { decay: 0.5 }), half, 'edges 3e38, 3e38 and -3e38');
      for (const nodes of [20, 100, 300, 1000, 5000]) {
        const edges: Edge[] = Array.from({ length: nodes - 1 }, (_, i) => [i + 1, 0, i < nodes / 2 ? large : -large]);
        const expected = new Float32Array(nodes);
        expected[0] = 0.25 * large * (nodes % 2 === 0 ? 1 : 2);
        const context = `${nodes - 1} edges of 3e38 that cancel`;
        const rest: Edge[] = nodes % 2 === 0 ? edges : [...edges, [0, 0, large]];
        assertSameBits(await spread(rest, nodes, { decay: 0.25 }), expected, context);
      }

      const product = { activations: Float32Array.of(2 ** 100, 0), decay: 2 ** -100 };
      assertSameBits(await spread([[0, 1, 2 ** 100]], 2, product), Float32Array.of(0, 2 ** 100), 'a large product');
      const tiny = { activations: Float32Array.of(2 ** -100, 0), decay: 2 ** 100 };
      assertSameBits(await spread([[0, 1, 2 ** -100]], 2, tiny), Float32Array.of(0, 2 ** -100), 'a tiny product');
      const kept = { activations: Float32Array.of(2 ** 127), decay: -4, retention: 5 };
      assertSameBits(await spread([[0, 0, 1]], 1, kept), Float32Array.of(2 ** 127), 'retention beyond float32');
      const range = { decay: 0.5, start: 3, end: 4 };
      assertSameBits(await spread(cancelling, 4, range), Float32Array.of(large / 2), 'a range of one node');

      const twoHops: Edge[] = [...cancelling, [3, 4, 1], [3, 4, 1], [3, 4, -1]];
      const passedOn = Float32Array.of(0, 0, 0, 0, large / 4);
      assertSameBits(await spread(twoHops, 5, { decay: 0.5, hops: 2 }), passedOn, 'two hops');
      const beyond = Float32Array.of(0, 0, 0, Infinity, 4);
      assertSameBits(await spread(twoHops, 5, { decay: 4 }), beyond, 'a result beyond float32');
      const afterwards = Float32Array.of(0, 0, 0, NaN, NaN);
      assertSameBits(await spread(twoHops, 5, { decay: 4, hops: 2 }), afterwards, 'a hop after an infinite result');
    },
  },
  {
    name: 'spreading: a node with very many edges is within the documented tolerance',
    async run(subject) {
      const nodes = 50_000;
      const edgesOfHub = 200_000;
      // A float32 sum of so many tenths is off by thousands of units in the last place.
      const rowPointers = new Uint32Array(nodes + 1).fill(edgesOfHub);
      rowPointers[0] = 0;
      const columns = Uint32Array.from({ length: edgesOfHub }, (_, edge) => edge % nodes);
      for (const weights of [new Float32Array(edgesOfHub).fill(0.1), randomValues(edgesOfHub, 51)]) {
        const graph = createGraph({ nodes, rowPointers, columns, weights });
        await spreadLikeOracle(subject, { graph, activations: new Float32Array(nodes).fill(1) }, 'a hub');
      }
    },
  },
  {
    name: 'spreading: is correct without nodes, without edges and without hops',
    async run(subject) {
      const nothing = await askSpread(subject, { graph: graphFromEdges(0, []), activations: new Float32Array(0) });
      assert.equal(nothing.length, 0, 'no nodes');
      const lonely = { graph: graphFromEdges(3, []), activations: Float32Array.of(1, -2, NaN) };
      const kept = await askSpread(subject, { ...lonely, retention: 0.5 });
      assertSameBits(kept, Float32Array.of(0.5, -1, NaN), 'no edges');
      const unchanged = await askSpread(subject, { ...lonely, hops: 0, threshold: 10 });
      assertSameBits(unchanged, lonely.activations, 'no hops');
    },
  },
];
