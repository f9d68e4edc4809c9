import { ok, type BackendError, type PreparedSpreadActivation, type Result } from '@gearshift/contracts';
import type { BackendFailures, Failure } from '@gearshift/native-kit';
import type { GpuDevice } from '../device/gpu-device.js';
import type { GpuWork, Kernel } from '../device/gpu-work.js';
import type { KernelTimes } from '../device/kernel-clock.js';
import { SPREAD_LANES, SPREAD_LONG, SPREAD_SHORT, spreadParameters } from '../kernels/spread.js';
import type { GraphCopy, GraphPart } from '../residency/graph-copy.js';

const MOST_WORKGROUPS = 65_535;
/** Multiplications that a wide sum is worth. */
const WORK_OF_EDGE = 64;

/** A dispatch: nodes for a lane each, or entries of the list of long nodes of the part. */
interface Stretch {
  readonly part: GraphPart;
  readonly isLong: boolean;
  readonly first: number;
  readonly count: number;
  readonly edges: number;
}

/** Spreads on a device, hop by hop, in submits that are short enough for its pace. */
export async function spread(
  device: GpuDevice,
  failures: BackendFailures,
  copy: GraphCopy,
  request: Pick<
    PreparedSpreadActivation,
    'activations' | 'start' | 'end' | 'hops' | 'decay' | 'retention' | 'threshold'
  >,
  output: Float32Array,
  signal: AbortSignal | undefined,
  times: KernelTimes,
): Promise<Failure | undefined> {
  const { start, end, hops } = request;
  const buffers: GPUBuffer[] = [];
  const bytes = Math.max(4, copy.nodes * 4);
  const failure = await device.createBuffers((own) => {
    buffers.push(own(bytes), own(bytes));
  });
  if (failure !== undefined) return failure;
  try {
    let [from, to] = buffers;
    const submits = [...submitsOf(copy, start, end, () => device.pace.workPerSubmit)];
    const kernels = await kernelsFor(device, submits.flat(), times);
    if (!kernels.ok) return kernels;
    for (let hop = 0; hop < hops; hop++) {
      for (const [i, stretches] of submits.entries()) {
        if (signal?.aborted === true) return failures.aborted();
        const isLast = hop === hops - 1 && i === submits.length - 1;
        const results: Result<ArrayBuffer[], BackendError> = await device.run(
          (work) => {
            if (hop === 0 && i === 0) work.write(from, 0, request.activations);
            for (const stretch of stretches) dispatch(work, kernels.value, copy, stretch, request, from, to);
            if (isLast) work.read(to, (end - start) * 4);
          },
          workOf(stretches),
          times,
        );
        if (!results.ok) return results;
        if (isLast) output.set(new Float32Array(results.value[0]));
      }
      [from, to] = [to, from];
    }
    return undefined;
  } finally {
    for (const buffer of buffers) device.pool.destroy(buffer);
  }
}

/** The kernels of some stretches, by whether they are long. */
type Kernels = ReadonlyMap<boolean, Kernel>;

async function kernelsFor(
  device: GpuDevice,
  stretches: readonly Stretch[],
  times: KernelTimes,
): Promise<Result<Kernels, BackendError>> {
  const kernels = new Map<boolean, Kernel>();
  for (const isLong of new Set(stretches.map((stretch) => stretch.isLong))) {
    const code = isLong ? SPREAD_LONG : SPREAD_SHORT;
    const kernel = await device.kernel(isLong ? 'spread long' : 'spread short', () => code, times);
    if (!kernel.ok) return kernel;
    kernels.set(isLong, kernel.value);
  }
  return ok(kernels);
}

function dispatch(
  work: GpuWork,
  kernels: Kernels,
  copy: GraphCopy,
  { part, isLong, first, count }: Stretch,
  { start, decay, retention, threshold }: Parameters<typeof spread>[3],
  from: GPUBuffer,
  to: GPUBuffer,
): void {
  const parameters = work.parameters(
    spreadParameters({ first, count, edgeBase: part.firstEdge, outputBase: start, decay, retention, threshold }),
  );
  const kernel = kernels.get(isLong);
  if (kernel === undefined) throw new Error('expected the kernel of a stretch to be compiled');
  const shared = [parameters, copy.rowPointersBuffer, part.columns, part.weights, from, to];
  if (isLong) work.dispatch(kernel, [...shared, part.longNodesBuffer], count);
  else work.dispatch(kernel, shared, Math.ceil(count / SPREAD_LANES));
}

function workOf(stretches: readonly Stretch[]): number {
  return WORK_OF_EDGE * stretches.reduce((sum, { edges, count }) => sum + edges + count, 0);
}

/** The nodes `[start, end)` in submits of at most so much work, unless one node is more. */
function* submitsOf(copy: GraphCopy, start: number, end: number, workPerSubmit: () => number): Generator<Stretch[]> {
  const { rowPointers } = copy;
  let stretches: Stretch[] = [];
  let left = workPerSubmit();
  const add = function* (
    part: GraphPart,
    isLong: boolean,
    first: number,
    last: number,
    nodeOf: (place: number) => number,
  ) {
    for (let place = first; place < last;) {
      let edges = 0;
      let stop = place;
      while (stop < last && stop - place < MOST_WORKGROUPS) {
        const node = nodeOf(stop);
        const more = rowPointers[node + 1] - rowPointers[node];
        if (stop > place && (edges + more + stop - place) * WORK_OF_EDGE > left) break;
        edges += more;
        stop += 1;
      }
      const stretch = { part, isLong, first: place, count: stop - place, edges };
      if (stretches.length > 0 && workOf([stretch]) > left) {
        yield stretches;
        stretches = [];
        left = workPerSubmit();
        continue;
      }
      stretches.push(stretch);
      left -= workOf([stretch]);
      place = stop;
    }
  };
  for (const part of copy.parts) {
    const from = Math.max(start, part.first);
    const to = Math.min(end, part.end);
    if (from >= to) continue;
    yield* add(part, false, from, to, (place) => place);
    const firstLong = part.longNodes.findIndex((node) => node >= from);
    if (firstLong < 0) continue;
    const afterLong = part.longNodes.findLastIndex((node) => node < to) + 1;
    yield* add(part, true, firstLong, afterLong, (place) => part.longNodes[place]);
  }
  if (stretches.length > 0) yield stretches;
}
