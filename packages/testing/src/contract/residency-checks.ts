import assert from 'node:assert/strict';
import { createMatrix, graphFromEdges, markChanged, type Backend } from '@gearshift/contracts';
import { randomValues } from '../random/random-vectors.js';
import { ranksLikeOracle, scoresLikeOracle, spreadLikeOracle } from './against-oracle.js';
import { assertFailed, assertSucceeded } from './assertions.js';
import type { ContractCheck, Subject } from './contract-check.js';

type Resident = Backend & Required<Pick<Backend, 'makeResident' | 'residency' | 'release'>>;

const DIMENSIONS = 20;
const query = () => randomValues(DIMENSIONS, 300);
const someMatrix = (seed: number) => createMatrix(randomValues(50 * DIMENSIONS, seed), { dimensions: DIMENSIONS });

export const residencyChecks: readonly ContractCheck[] = [
  {
    name: 'residency: a request with a changed matrix never uses an old copy',
    async run(subject) {
      const matrix = someMatrix(301);
      for (let change = 0; change < 4; change++) {
        await scoresLikeOracle(subject, { query: query(), matrix }, `scores after ${change} changes`);
        // Copied again in every second version, so that both a stale and a missing copy occur.
        if (change % 2 === 0) await makeResidentWherePossible(subject, matrix);
        await scoresLikeOracle(subject, { query: query(), matrix }, `scores of a copy, ${change} changes`);
        await ranksLikeOracle(subject, { query: query(), matrix, k: 7 }, `ranking of a copy, ${change} changes`);
        matrix.values.set(randomValues(matrix.values.length, 310 + change));
        markChanged(matrix);
      }
    },
  },
  {
    name: 'residency: a request with a changed graph never uses an old copy',
    async run(subject) {
      const graph = graphFromEdges(4, [
        [0, 1, 1],
        [1, 2, 2],
        [2, 3, 3],
      ]);
      const activations = Float32Array.of(1, 2, 3, 4);
      for (let change = 0; change < 4; change++) {
        if (change % 2 === 0) await makeResidentWherePossible(subject, graph);
        await spreadLikeOracle(subject, { graph, activations }, `${change} changes`);
        graph.weights.set([change, -change, change + 5]);
        markChanged(graph);
      }
    },
  },
  {
    name: 'residency: operands of the same shape are not confused',
    async run(subject) {
      const matrices = [someMatrix(320), someMatrix(321), someMatrix(322)];
      for (const matrix of matrices) await makeResidentWherePossible(subject, matrix);
      for (const matrix of [...matrices, ...matrices])
        await scoresLikeOracle(subject, { query: query(), matrix }, 'one of three');
    },
  },
  {
    name: 'residency: is reported correctly for matrix and graph, before and after a copy, a change and a release',
    skipReason: needsResidency,
    async run({ backend }) {
      const resident = backend as Resident;
      const matrix = someMatrix(330);
      const graph = graphFromEdges(3, [[0, 1]]);
      for (const operand of [matrix, graph]) {
        assert.equal(resident.residency(operand).residentBytes, 0, 'before');
        assert.ok(resident.residency(operand).bytesToUpload > 0, 'before');
        assertSucceeded(await resident.makeResident(operand), 'makeResident');
        assert.equal(resident.residency(operand).bytesToUpload, 0, 'with a copy');
        assert.ok(resident.residency(operand).residentBytes > 0, 'with a copy');
        markChanged(operand);
        assert.ok(resident.residency(operand).bytesToUpload > 0, 'changed');
        assertSucceeded(await resident.makeResident(operand), 'makeResident again');
        resident.release(operand);
        assert.equal(resident.residency(operand).residentBytes, 0, 'released');
        resident.release(operand);
      }
    },
  },
  {
    name: 'residency: scores are the same with a copy, after its release and without one',
    skipReason: needsResidency,
    async run(subject) {
      const resident = subject.backend as Resident;
      const matrix = someMatrix(331);
      await scoresLikeOracle(subject, { query: query(), matrix }, 'without a copy');
      assertSucceeded(await resident.makeResident(matrix), 'makeResident');
      await scoresLikeOracle(subject, { query: query(), matrix, start: 3, end: 41 }, 'with a copy');
      const candidates = Uint32Array.of(4, 49, 0);
      await ranksLikeOracle(subject, { query: query(), matrix, k: 2, candidates }, 'candidates with a copy');
      resident.release(matrix);
      await scoresLikeOracle(subject, { query: query(), matrix }, 'after the release');
    },
  },
  {
    name: 'residency: no copy is made after an abort or after close()',
    skipReason: needsResidency,
    async run({ backend }) {
      const resident = backend as Resident;
      const matrix = someMatrix(332);
      const aborted = await resident.makeResident(matrix, AbortSignal.abort());
      assertFailed(aborted, 'aborted', backend.id, 'makeResident');
      assert.equal(resident.residency(matrix).residentBytes, 0, 'after an abort');
      await backend.close();
      assertFailed(await resident.makeResident(matrix), 'unsupported', backend.id, 'makeResident after close()');
    },
  },
];

function needsResidency({ backend }: Subject): string | undefined {
  const offers = backend.makeResident !== undefined && backend.residency !== undefined && backend.release !== undefined;
  return offers ? undefined : 'the backend keeps no copies of operands';
}

async function makeResidentWherePossible(
  { backend }: Subject,
  operand: Parameters<Resident['makeResident']>[0],
): Promise<void> {
  if (backend.makeResident === undefined) return;
  assertSucceeded(await backend.makeResident(operand), 'makeResident');
}
