import type {
  DeviceForecast,
  OperationForecast,
  OperationName,
  ShapeForecast,
  SizeForecast,
} from '@gearshift/contracts';
import { LINE, unitsOf, type CostLine } from './cost-line.js';
import type { DeviceKnowledge, Knowledge, Task } from './knowledge.js';
import type { TokenBucket } from './token-bucket.js';

/** The search for a break-even goes from one unit of work to more than a machine does in a day. */
const LARGEST_OCTAVE = 55;
const STEPS_PER_OCTAVE = 8;
/** A forecast always reads the latest sums of other threads: it is made rarely. */
const NOW = Infinity;

/** `undefined` for an operation that was never requested. */
export function forecastOf(knowledge: Knowledge, operation: OperationName): OperationForecast | undefined {
  const tasks = knowledge.tasks.filter((task) => task.operation === operation);
  if (tasks.length === 0) return undefined;
  return Object.freeze({ operation, shapes: Object.freeze(tasks.map((task) => shapeForecast(knowledge, task))) });
}

/** The part `learned` of the policy's snapshot. */
export function learnedSnapshot(knowledge: Knowledge, tokens: TokenBucket): Readonly<Record<string, unknown>> {
  const { decisions, tasks, devices } = knowledge;
  const { tokensMs: explorationTokensMs } = tokens;
  const names = new Set(tasks.map((task) => task.operation));
  const operations = Object.freeze([...names].map((name) => forecastOf(knowledge, name)));
  const transfers: unknown[] = [];
  for (const { id, kind, transfer } of devices.values()) {
    if (kind === 'cpu') continue;
    transfer.refresh(NOW, decisions);
    const { fixedMs, msPerUnit: msPerByte, sums } = transfer;
    transfers.push(Object.freeze({ id, fixedMs, msPerByte, samples: sums.total[LINE.samples] }));
  }
  return Object.freeze({ decisions, explorationTokensMs, operations, transfers: Object.freeze(transfers) });
}

interface KnownDevice {
  readonly device: DeviceKnowledge;
  readonly line: CostLine;
}

function shapeForecast({ devices, decisions }: Knowledge, task: Task): ShapeForecast {
  const lines: CostLine[] = [];
  // Of the forms of an operand, that of the last request counts.
  const known: KnownDevice[] = [];
  for (const device of devices.values()) {
    for (const line of device.lines[task.number]?.values() ?? []) {
      line.refresh(NOW, decisions);
      lines.push(line);
      if (line === device.recentLines[task.number] && line.sums.total[LINE.samples] > 0) known.push({ device, line });
    }
  }
  const sumOf = (at: number): number => lines.reduce((sum, { sums }) => sum + sums.total[at], 0);
  const errorWeight = sumOf(LINE.errorWeight);
  return Object.freeze({
    shape: task.shape,
    unit: task.flops > 0 ? 'flop' : 'byte',
    devices: Object.freeze(known.map(deviceForecast)),
    breakEven: Object.freeze({ cold: breakEven(known, task, true), resident: breakEven(known, task, false) }),
    predictionError: errorWeight > 0 ? sumOf(LINE.relativeErrors) / errorWeight : null,
    explorations: sumOf(LINE.explorations),
    estimatedRegretMs: sumOf(LINE.regretMs),
  });
}

function deviceForecast({ device: { id, kind, speed }, line }: KnownDevice): DeviceForecast {
  return Object.freeze({
    id,
    kind,
    fixedMs: line.fixedMs * speed.factor,
    msPerUnit: line.msPerUnit * speed.factor,
    sigma: Math.sqrt(line.noise),
    samples: line.sums.total[LINE.samples],
    slowdown: speed.factor,
  });
}

/** The smallest size from which some GPU is always faster; null where there is no such size. */
function breakEven(known: readonly KnownDevice[], task: Task, cold: boolean): SizeForecast | null {
  const cpus = known.filter(({ device }) => device.kind === 'cpu');
  const gpus = known.filter(({ device }) => device.kind !== 'cpu');
  if (cpus.length === 0 || gpus.length === 0) return null;
  const operandBytesPerUnit = task.rangeBytes / unitsOf(task);
  const unitsPerItem = unitsOf(task) / Math.max(1, task.batchSize);
  const timeMs = ({ device, line }: KnownDevice, units: number): number => {
    const uploadBytes = cold && device.kind !== 'cpu' ? units * operandBytesPerUnit : 0;
    return line.predict(units) * device.speed.factor + device.uploadMs(uploadBytes);
  };
  const gpuIsFaster = (units: number): boolean =>
    Math.min(...gpus.map((gpu) => timeMs(gpu, units))) < Math.min(...cpus.map((cpu) => timeMs(cpu, units)));
  let units: number | null = null;
  for (let step = LARGEST_OCTAVE * STEPS_PER_OCTAVE; step >= 0; step--) {
    const size = 2 ** (step / STEPS_PER_OCTAVE);
    if (!gpuIsFaster(size)) break;
    units = size;
  }
  return units === null ? null : Object.freeze({ units, items: Math.ceil(units / unitsPerItem) });
}
