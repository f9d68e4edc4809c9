import { createCpuBackend } from '@gearshift/backend-cpu';
import { createMatrix, unwrap } from '@gearshift/contracts';
import { interleave, medianRatio } from '../interleave.mjs';

const DIMENSIONS = 768;
const MIB = 1024 ** 2;

/** P2: all threads against one, through the backend's synchronous calls on a resident matrix. */
export async function measureThreads({ rounds, quick }) {
  const one = unwrap(await createCpuBackend({ threads: 1 }));
  const all = unwrap(await createCpuBackend());
  const { threads } = all.describe();
  const rows = [];
  for (const mib of quick ? [0.2, 12] : [0.05, 0.2, 0.5, 1, 2, 3, 6, 12, 25, 50, 100, 200]) {
    const rowCount = Math.max(1, Math.round((mib * MIB) / (DIMENSIONS * 4)));
    const matrix = createMatrix(randomFloats(rowCount * DIMENSIONS), { dimensions: DIMENSIONS, companion: 'none' });
    unwrap(await one.makeResident(matrix));
    unwrap(await all.makeResident(matrix));
    const query = randomFloats(DIMENSIONS);
    const output = new Float32Array(rowCount);
    const request = { operation: 'cosine-similarity', query, matrix };
    const [single, multiple] = await interleave(
      [one, all].map((backend) => ({
        name: `${backend.describe().threads} threads`,
        run: () => unwrap(backend.cosineSimilaritySync(request, output)),
      })),
      { rounds },
    );
    rows.push([mib, rowCount, single.medianNs / 1000, multiple.medianNs / 1000, medianRatio(single, multiple)]);
    one.release(matrix);
    all.release(matrix);
  }
  await one.close();
  await all.close();
  return {
    threads,
    table: {
      title: `${threads} threads against one, cosine, ${DIMENSIONS} dimensions, calls back to back`,
      columns: ['MiB', 'rows', '1 thread, us', `${threads} threads, us`, 'times as fast'],
      rows,
    },
  };
}

function randomFloats(length) {
  let state = 1;
  return Float32Array.from({ length }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 31 - 1;
  });
}
