import { spawnSync } from 'node:child_process';
import { createCudaBackend } from '@gearshift/backend-cuda';
import { createMatrix, createTopKOutput, prepareTopK, unwrap } from '@gearshift/contracts';
import { nextOperandId } from '@gearshift/contracts/internal';

const DIMENSIONS = 768;

/**
 * Measures the goals of the GPU together with the limits of the device, in one run.
 *
 * @param {{ quick: boolean, bandwidth: string | undefined }} options `bandwidth`: the program that measures the device
 */
export async function measure({ quick, bandwidth }) {
  const limits = readLimits(bandwidth);
  const backend = unwrap(await createCudaBackend());
  const rows = quick ? 20_000 : 300_000;
  const matrix = createMatrix(pseudoRandom(rows * DIMENSIONS), { dimensions: DIMENSIONS });
  const rounds = quick ? 5 : 30;

  const uploads = [];
  for (let round = 0; round < (quick ? 2 : 5); round++) {
    uploads.push(unwrap(await backend.makeResident(matrix)).uploadMs);
    if (round + 1 < (quick ? 2 : 5)) backend.release(matrix);
  }
  const scan = [];
  const best = [];
  const output = new Float32Array(rows);
  const query = pseudoRandom(DIMENSIONS);
  const topK = prepareTopK({ operation: 'top-k', query, matrix, k: 10 });
  const ranking = createTopKOutput(topK);
  for (let round = 0; round < rounds; round++) {
    scan.push(
      unwrap(await backend.cosineSimilarity({ operation: 'cosine-similarity', query, matrix }, output)).kernelMs,
    );
    best.push(unwrap(await backend.topK(topK, ranking)).kernelMs);
  }
  const small = createMatrix(pseudoRandom(1000 * DIMENSIONS), { dimensions: DIMENSIONS });
  unwrap(await backend.makeResident(small));
  const smallRequest = prepareTopK({ operation: 'top-k', query, matrix: small, k: 10 });
  const roundTrips = [];
  for (let round = 0; round < rounds * 20; round++) {
    const startedAtMs = performance.now();
    unwrap(await backend.topK(smallRequest, ranking));
    roundTrips.push((performance.now() - startedAtMs) * 1000);
  }
  // Top-k of many queries: from float32 rows, and with each companion.
  const many = [];
  for (const companion of [undefined, 'float16', 'int8']) {
    const helped = { ...matrix, id: nextOperandId(), companion };
    unwrap(await backend.makeResident(helped));
    for (const queries of [1, 8, 32, 128, 256]) {
      const query = pseudoRandom(queries * DIMENSIONS);
      const request = prepareTopK({ operation: 'top-k', query, queries, matrix: helped, k: 10 });
      const answer = createTopKOutput(request);
      const times = [];
      for (let round = 0; round < 7; round++) times.push(unwrap(await backend.topK(request, answer)).kernelMs);
      const flops = 2 * queries * rows * DIMENSIONS;
      const kernelMs = median(times);
      many.push({ companion: companion ?? 'none', queries, kernelMs, gflops: flops / kernelMs / 1e6 });
    }
    backend.release(helped);
  }
  await backend.close();

  const bytes = rows * DIMENSIONS * 4;
  const scanRate = bytes / (median(scan) / 1000);
  const uploadRate = bytes / (median(uploads) / 1000);
  const figures = {
    rows,
    dimensions: DIMENSIONS,
    scanBytesPerSecond: scanRate,
    scanMs: median(scan),
    topKMs: median(best),
    uploadBytesPerSecond: uploadRate,
    smallRoundTripMicroseconds: median(roundTrips),
    many,
  };
  const ratio = (rate, limit) => (limits === null ? null : rate / limit);
  const goals = [
    goal(
      'G1 scan over the copy bandwidth',
      ratio(scanRate, limits?.copyBytesPerSecond),
      (x) => x >= 0.85,
      'at least 0.85',
    ),
    goal('G1 top-k over the scan', median(best) / median(scan), (x) => x <= 1.1, 'at most 1.10'),
    goal(
      'G3 upload over page-locked',
      ratio(uploadRate, limits?.uploadBytesPerSecond),
      (x) => x >= 0.9,
      'at least 0.90',
    ),
    goal('G3 small query, microseconds', median(roundTrips), (x) => x <= 30, 'at most 30'),
    goal('G2 M x N over the library', null, () => false, 'at least 0.50; there is no library to compare with here'),
  ];
  return { limits, figures, goals };
}

function goal(name, figure, isHeld, limit) {
  return { goal: name, figure, limit, held: figure === null ? null : isHeld(figure) };
}

/** The limits of the device; null without the program that measures them. */
function readLimits(program) {
  if (program === undefined) return null;
  const { status, stdout } = spawnSync(program, [], { encoding: 'utf8' });
  return status === 0 ? JSON.parse(stdout) : null;
}

function median(values) {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];
}

function pseudoRandom(length) {
  const values = new Float32Array(length);
  let state = 12345;
  for (let i = 0; i < length; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    values[i] = state / 2 ** 31 - 1;
  }
  return values;
}
