import { describe, expect, it } from 'vitest';
import { createGraph } from '@gearshift/contracts';
import { pinnedPolicy } from '@gearshift/policies';
import { matrix, REQUEST, SCORES, gpu, cpu, setUp, outcomesOf } from './dispatch-setup.js';

describe('dispatcher with a mistake of the caller', () => {
  const mistakes: [string, unknown, unknown, unknown, string][] = [
    ['no request', null, undefined, undefined, 'request: expected an object, got null'],
    [
      'a wrong dimension',
      { ...REQUEST, query: new Float32Array(3) },
      undefined,
      undefined,
      'query has 3 values but the matrix has 2 dimensions',
    ],
    ['a short output', REQUEST, new Float32Array(2), undefined, 'output: expected 3 elements, got 2'],
    [
      'an output that is an input',
      REQUEST,
      matrix.values.subarray(0, 3),
      undefined,
      'output: expected memory of its own',
    ],
    ['a wrong output', REQUEST, [], undefined, 'output: expected a Float32Array, got an array of 0 elements'],
    [
      'a wrong signal',
      REQUEST,
      undefined,
      { signal: {} },
      'signal: expected an AbortSignal, got an object of type Object',
    ],
  ];
  it.each(mistakes)('throws for %s before any device is used', async (_name, request, output, options, message) => {
    const backends = [gpu(), cpu()];
    const { dispatcher, tracker } = setUp(backends);
    await expect(dispatcher.run(request as never, output as never, options as never)).rejects.toThrow(message);
    if (options === undefined) {
      expect(() => dispatcher.runSync(request as never, output as never)).toThrow(message);
    }
    expect(backends.flatMap(({ calls }) => calls)).toEqual([]);
    expect(tracker.attempts).toEqual([]);
  });

  it('throws the TypeError that every device throws, and records only the attempt on the GPU', async () => {
    const detached = () => {
      throw new TypeError('query: its buffer was detached');
    };
    const { dispatcher, tracker } = setUp([gpu(detached), cpu(detached)]);
    await expect(dispatcher.run(REQUEST)).rejects.toThrow(new TypeError('query: its buffer was detached'));
    expect(outcomesOf(tracker.attempts)).toEqual(['cuda:0 fault']);
    expect(() => dispatcher.runSync(REQUEST)).toThrow(TypeError);
  });

  it('treats a TypeError of the pinned GPU as a fault when another GPU succeeds', async () => {
    const broken = gpu(() => Promise.reject(new TypeError('boom')), 'cuda:1');
    const { dispatcher } = setUp([gpu(), broken], { policy: pinnedPolicy('cuda:1') });
    expect(await dispatcher.run(REQUEST)).toMatchObject({ ok: true, value: { output: SCORES } });
  });
});

it('rejects a graph with too few row pointers for its nodes', async () => {
  const graph = createGraph({
    nodes: 1,
    rowPointers: Uint32Array.of(0, 0),
    columns: new Uint32Array(0),
    weights: new Float32Array(0),
  });
  const lying = { ...graph, nodes: 2 };
  await expect(
    setUp([cpu()]).dispatcher.run({ operation: 'spread-activation', graph: lying, activations: new Float32Array(2) }),
  ).rejects.toThrow('rowPointers: expected 3 elements');
});
