import { createCpuBackend } from '@gearshift/backend-cpu';
import { createMatrix, unwrap } from '@gearshift/contracts';
// Not public: the cost of a call into the addon concerns only the two halves of the package.
/* eslint-disable @nx/enforce-module-boundaries */
import { encodeContext } from '../../../../packages/backend-cpu/dist/addon.js';
import { openCallBlock, SCALAR } from '../../../../packages/backend-cpu/dist/call-block.js';
import { loadAddon } from '../../../../packages/backend-cpu/dist/native.js';
/* eslint-enable @nx/enforce-module-boundaries */
import { interleave } from '../interleave.mjs';

const DIMENSIONS = 16;
/** Code of the type of elements. */
const FLOAT32 = 1;

/**
 * P10: the cost of a call besides the work, on one row of 16 dimensions, which takes a few nanoseconds to score. The limit is a
 * bare call, with three numbers as arguments and one as its result.
 */
export async function measureCallOverhead({ rounds }) {
  const { addon } = loadAddon();
  const { scalars } = openCallBlock(addon);
  const level = addon.levels().findIndex(({ missing }) => missing === '');
  const values = new Float32Array(DIMENSIONS).fill(1);
  const query = new Float32Array(DIMENSIONS).fill(1);
  const output = new Float32Array(1);
  const handle = addon.openMatrix(-1, 1, 1, DIMENSIONS, FLOAT32, 1);
  addon.residentState(handle);
  const context = encodeContext('cosine', level, 1, 50);
  addon.fillMatrix(context, handle, values, 0);

  const backend = unwrap(await createCpuBackend({ threads: 1 }));
  const matrix = createMatrix(values, { dimensions: DIMENSIONS });
  unwrap(await backend.makeResident(matrix));
  const request = { operation: 'cosine-similarity', query, matrix };

  const setScalars = (handleOrNone) => {
    scalars[SCALAR.context] = context;
    scalars[SCALAR.handle] = handleOrNone;
    scalars[SCALAR.dimensions] = DIMENSIONS;
    scalars[SCALAR.dtype] = FLOAT32;
    scalars[SCALAR.scale] = 1;
    scalars[SCALAR.start] = 0;
    scalars[SCALAR.end] = 1;
    scalars[SCALAR.from] = 0;
    scalars[SCALAR.firstQuery] = 0;
    scalars[SCALAR.k] = 1;
    scalars[SCALAR.outputQuery] = 0;
  };
  const [topK, score, whole, bare, nothing] = await interleave(
    [
      {
        name: 'handle and query',
        run: () => {
          setScalars(handle);
          return addon.topK(query);
        },
      },
      {
        name: 'three typed arrays',
        run: () => {
          setScalars(0);
          return addon.score(query, output, values);
        },
      },
      { name: 'backend.cosineSimilaritySync', run: () => backend.cosineSimilaritySync(request, output) },
      { name: 'bare call', run: () => addon.estimateScanNs(context, FLOAT32, DIMENSIONS, 1) },
      { name: 'nothing', run: () => setScalars(handle) },
    ],
    { rounds },
  );
  addon.release(handle);
  await backend.close();
  return {
    handleAndQueryNs: topK.medianNs,
    threeArraysNs: score.medianNs,
    bareNs: bare.medianNs,
    table: {
      title: 'What a call costs: one row of 16 dimensions, its scoring included',
      columns: ['call', 'ns'],
      rows: [
        ['into the addon: handle and query, results through shared memory', topK.medianNs],
        ['into the addon: three typed arrays, validated', score.medianNs],
        ['backend.cosineSimilaritySync, resident matrix, request checked', whole.medianNs],
        ['into the addon: three numbers, for a number', bare.medianNs],
        ['the loop and the scalars alone', nothing.medianNs],
      ],
    },
  };
}
