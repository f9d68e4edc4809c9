import { createDispatcher } from '@gearshift/dispatcher';
import { adaptivePolicy, pinnedPolicy } from '@gearshift/policies';
import { createTopKOutput, prepareTopK, unwrap, type DispatchPolicy } from '@gearshift/contracts';
import { randomValues } from '@gearshift/testing';
import { NO_METRICS } from '@gearshift/tracker';
import { createClusterWorker } from '@gearshift/backend-cluster';
import { afterEach, describe, expect, it } from 'vitest';
import { DIMENSIONS, someMatrix } from './ask-cluster.js';
import { CLUSTER_NAME, sharedCpu, startCluster, type TestCluster } from './start-cluster.js';

let cluster: TestCluster | undefined;
afterEach(async () => {
  await cluster?.close();
  cluster = undefined;
});

async function begin(policy: DispatchPolicy, workers = 3) {
  const started = await startCluster({ workers, backend: { timeoutMs: 2000 } });
  cluster = started;
  const cpu = await sharedCpu();
  const tracker = { snapshot: () => NO_METRICS, record() {} };
  const dispatcher = createDispatcher({ backends: [started.backend, cpu], policy, tracker, verifyEveryNth: 2 });
  const matrix = someMatrix(2048);
  let seed = 0;
  /** The attempts of a request; a wrong answer fails the test. */
  const ask = async () => {
    const query = randomValues(DIMENSIONS, (seed += 1));
    const request = prepareTopK({ operation: 'top-k', query, matrix, k: 7 });
    const expected = createTopKOutput(request);
    unwrap(await cpu.topK(request, expected));
    const { output, attempts } = unwrap(await dispatcher.run(request));
    expect(output).toMatchObject({ indices: expected.indices, scores: expected.scores });
    return attempts.map(({ backend, outcome, fallback }) => `${fallback ? '+' : ''}${backend} ${outcome}`);
  };
  return { ...started, dispatcher, matrix, ask };
}

describe('a dispatcher with a cluster', () => {
  it('runs requests on it, and on the CPU when its workers are gone, without ever giving it up', async () => {
    const { network, ask, workers, dispatcher } = await begin(pinnedPolicy('cluster:0'));
    for (let i = 0; i < 20; i++) expect(await ask()).toEqual(['cluster:0 success']);
    for (const { name } of workers) network.kill(name);
    const outcomes: string[][] = [];
    for (let i = 0; i < 20; i++) outcomes.push(await ask());
    expect(outcomes[0]).toEqual(['cluster:0 unreachable', '+cpu success']);
    for (const attempts of outcomes) expect(attempts.at(-1)).toMatch(/^\+?cpu success$/);
    const stateOf = () => dispatcher.snapshot('top-k').devices.find(({ id }) => id === 'cluster:0')?.breaker?.state;
    expect(stateOf()).not.toBe('dead');

    const common = { name: CLUSTER_NAME, worker: 'w0', backend: await sharedCpu(), maxBytes: 2 ** 24 };
    const worker = await createClusterWorker({ transport: network.connect('w0'), ...common });
    const endMs = performance.now() + 30_000;
    let isBack = false;
    while (!isBack && performance.now() < endMs) {
      isBack = (await ask()).includes('cluster:0 success');
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    expect(isBack).toBe(true);
    await worker.close();
  });

  it('learns when it is faster, and answers right on either', async () => {
    const { ask } = await begin(adaptivePolicy());
    const used = new Set<string>();
    for (let i = 0; i < 200; i++) for (const attempt of await ask()) used.add(attempt);
    // A matrix of 64 KB is faster here.
    expect(used).toContain('cpu success');
    expect([...used].every((attempt) => attempt.endsWith(' success'))).toBe(true);
  });
});
