import { createCpuBackend } from '@gearshift/backend-cpu';
import { createCudaBackend } from '@gearshift/backend-cuda';
import { unwrap } from '@gearshift/contracts';
import { createZeroMemory, WORLDS } from '@gearshift/dispatch-lab';
import { measureChoices, POLICIES } from '../thresholds/choices.mjs';
import { measureDefaults, TRACE_NAMES } from '../thresholds/defaults.mjs';
import { crossover, DIMENSIONS, interpolate, measureCurves, TITLES } from '../thresholds/measure-curves.mjs';

const SIZES = [16, 64, 256, 1024, 4096, 16_384, 65_536];
const LARGEST_ROWS = 1_000_000;
/** Request kinds with figures for the laboratory's GPU. */
const IN_LAB = ['scan', 'pair'];
const ROW_BYTES = DIMENSIONS * 4;

export default {
  name: 'thresholds',
  description: 'where the GPU becomes faster, what the policies choose there, and what other thresholds would lose',

  async run({ quick, log }) {
    const { backends, gpu, without } = await openBackends();
    const sizes = quick ? [64, 1024, 4096] : SIZES;
    let curves;
    try {
      curves = await measureCurves(backends, { sizes, rounds: quick ? 3 : 15, turnMs: quick ? 1 : 10, log });
    } finally {
      for (const backend of backends) await backend.close();
    }
    const model = WORLDS.linear;
    const gpuName = gpu === null ? `the GPU of the laboratory (there is none here: ${without})` : gpu.describe().device;
    const pointsOf = (kind, residency) =>
      curves[kind].map(({ size, ...times }) => ({
        size,
        cpuMs: times.resident.get('cpu'),
        gpuMs:
          gpu !== null
            ? times[residency].get(gpu.id)
            : model.gpuMs(kind, size) + (residency === 'cold' ? model.uploadMs(size * ROW_BYTES) : 0),
      }));
    const kinds = gpu === null ? IN_LAB : Object.keys(TITLES);

    log('What is chosen ...');
    const world = worldOf(gpu === null ? null : pointsOf, curves, model);
    const memory = createZeroMemory(LARGEST_ROWS * DIMENSIONS);
    const effort = { memory, requestCount: quick ? 200 : 4000, seeds: quick ? 1 : 5, log };
    const choices = await measureChoices(world, sizes, effort);
    const sweeps = [];
    for (const each of [world, WORLDS.linear, WORLDS.hard]) {
      sweeps.push([each, await measureDefaults(each, { ...effort, requestCount: quick ? 100 : 2000 })]);
    }

    const where = `this CPU against ${gpuName}`;
    return {
      tables: [
        {
          title: `From how many rows or nodes the GPU is faster: ${where}`,
          columns: ['request', 'resident', 'cold', 'gpuMinBatchSize'],
          rows: kinds.map((kind) => [
            TITLES[kind],
            crossoverText(pointsOf(kind, 'resident')),
            crossoverText(pointsOf(kind, 'cold')),
            64,
          ]),
        },
        {
          title: 'Milliseconds on this CPU, resident, by rows or nodes',
          columns: ['request', ...sizes.map(String)],
          rows: Object.keys(curves).map((kind) => [
            TITLES[kind],
            ...curves[kind].map(({ resident }) => resident.get('cpu')),
          ]),
        },
        {
          title: 'Share of requests that run on the GPU when all sizes come mixed, half of them resident',
          columns: ['request', 'operand', 'rows from', 'the GPU is faster', ...Object.keys(POLICIES)],
          rows: IN_LAB.flatMap((kind) =>
            ['resident', 'cold'].flatMap((residency) =>
              sizes.flatMap((size, place) => {
                const entry = choices.get(`${kind} ${residency} ${place}`);
                if (entry === undefined) return [];
                const shares = Object.keys(POLICIES).map((name) => percent(entry.shares[name]));
                return [[TITLES[kind], residency, size, percent(entry.faster), ...shares]];
              }),
            ),
          ),
        },
        ...sweeps.map(([{ name }, rows]) => ({
          title: `The threshold policy with other settings, one changed at a time: regret in %, ${name === 'here' ? where : `the ${name} world of the laboratory`}`,
          columns: ['setting', 'value', ...TRACE_NAMES],
          rows: rows.map(({ setting, value, isDefault, regrets }) => [
            setting,
            isDefault ? `${value} (default)` : value,
            ...regrets,
          ]),
        })),
      ],
      goals: [],
    };
  },
};

async function openBackends() {
  const cpu = unwrap(await createCpuBackend());
  const cuda = await createCudaBackend();
  if (!cuda.ok) return { backends: [cpu], gpu: null, without: cuda.error.message.split(/[:;\n]/, 1)[0] };
  if (cuda.value.describe().limitations.some((text) => /simulat/i.test(text))) {
    await cuda.value.close();
    return { backends: [cpu], gpu: null, without: 'the driver is simulated, so its times mean nothing' };
  }
  return { backends: [cpu, cuda.value], gpu: cuda.value, without: '' };
}

/** A world of the laboratory with the measured speeds, and the noise of the linear one. */
function worldOf(pointsOf, curves, model) {
  const line = (points) => interpolate(points);
  const cpu = Object.fromEntries(
    IN_LAB.map((kind) => [kind, line(curves[kind].map(({ size, resident }) => ({ size, ms: resident.get('cpu') })))]),
  );
  const world = { ...model, name: 'here', cpuMs: (kind, rows) => cpu[kind](rows) };
  if (pointsOf === null) return world;
  const gpu = Object.fromEntries(
    IN_LAB.map((kind) => [kind, line(pointsOf(kind, 'resident').map(({ size, gpuMs }) => ({ size, ms: gpuMs })))]),
  );
  const upload = line(
    pointsOf('scan', 'cold').map(({ size, gpuMs }, i) => ({
      size: size * ROW_BYTES,
      ms: Math.max(0.001, gpuMs - pointsOf('scan', 'resident')[i].gpuMs),
    })),
  );
  return { ...world, gpuMs: (kind, rows) => gpu[kind](rows), uploadMs: (bytes) => upload(bytes) };
}

function crossoverText(points) {
  const size = crossover(points);
  if (size === 0) return `below ${points[0].size}`;
  return size === Infinity ? 'never' : size;
}

function percent(share) {
  return `${Math.round(100 * share)} %`;
}
