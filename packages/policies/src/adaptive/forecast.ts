import type {
  DeviceForecast,
  OperationForecast,
  OperationName,
  ShapeForecast,
  SizeForecast,
} from '@gearshift/contracts';
import { LINE, type CostLine } from './cost-line.js';
import type { DeviceKnowledge } from './device-knowledge.js';
import type { Knowledge } from './knowledge.js';
import type { Task } from './task.js';
import type { TokenBucket } from './token-bucket.js';

/** Sizes that a break-even is looked for at, from one unit of work up: far beyond what a machine does in a day. */
const LARGEST_OCTAVE = 55;
const STEPS_PER_OCTAVE = 8;

/** `undefined` for an operation that never came up. */
export function forecastOf(knowledge: Knowledge, operation: OperationName): OperationForecast | undefined {
  const tasks = knowledge.tasks.tasks.filter((task) => task.operation === operation);
  if (tasks.length === 0) return undefined;
  return Object.freeze({ operation, shapes: Object.freeze(tasks.map((task) => shapeForecast(knowledge, task))) });
}

/** What stands in the policy's snapshot. */
export function learnedSnapshot(knowledge: Knowledge, tokens: TokenBucket): Readonly<Record<string, unknown>> {
  const operations = new Set(knowledge.tasks.tasks.map((task) => task.operation));
  const forecasts = [...operations].map((operation) => forecastOf(knowledge, operation));
  const transfers = [...knowledge.devices.values()]
    .filter(({ kind }) => kind !== 'cpu')
    .map(({ id, transfer: { line } }) => {
      current(line, knowledge.decisions);
      return Object.freeze({ id, fixedMs: line.fixedMs, msPerByte: line.msPerUnit, samples: line.samples });
    });
  return Object.freeze({
    decisions: knowledge.decisions,
    explorationTokensMs: tokens.tokensMs,
    operations: Object.freeze(forecasts),
    transfers: Object.freeze(transfers),
  });
}

interface KnownDevice {
  readonly device: DeviceKnowledge;
  readonly line: CostLine;
}

function shapeForecast(knowledge: Knowledge, task: Task): ShapeForecast {
  const { decisions } = knowledge;
  const known: KnownDevice[] = [];
  let explorations = 0;
  let estimatedRegretMs = 0;
  let errors = 0;
  let errorWeight = 0;
  for (const device of knowledge.devices.values()) {
    const line = device.lines[task.number];
    if (line === undefined) continue;
    current(line, decisions);
    explorations += line.sums.total[LINE.explorations];
    estimatedRegretMs += line.sums.total[LINE.regretMs];
    errors += line.sums.total[LINE.relativeErrors];
    errorWeight += line.sums.total[LINE.errorWeight];
    if (line.samples > 0) known.push({ device, line });
  }
  return Object.freeze({
    shape: task.shape,
    unit: task.unit,
    devices: Object.freeze(known.map((each) => deviceForecast(each))),
    breakEven: Object.freeze({
      cold: breakEven(known, task, true),
      resident: breakEven(known, task, false),
    }),
    predictionError: errorWeight > 0 ? errors / errorWeight : null,
    explorations,
    estimatedRegretMs,
  });
}

function deviceForecast({ device, line }: KnownDevice): DeviceForecast {
  const slowdown = device.speed.factor;
  return Object.freeze({
    id: device.id,
    kind: device.kind,
    fixedMs: line.fixedMs * slowdown,
    msPerUnit: line.msPerUnit * slowdown,
    sigma: line.deviation,
    samples: line.samples,
    slowdown,
  });
}

/** The smallest size from which on some GPU is faster at all larger sizes; null where there is none such. */
function breakEven(known: readonly KnownDevice[], task: Task, cold: boolean): SizeForecast | null {
  const cpus = known.filter(({ device }) => device.kind === 'cpu');
  const gpus = known.filter(({ device }) => device.kind !== 'cpu');
  if (cpus.length === 0 || gpus.length === 0) return null;
  const timeMs = ({ device, line }: KnownDevice, units: number): number => {
    const uploadBytes = cold && device.kind !== 'cpu' ? units * task.operandBytesPerUnit : 0;
    return line.predict(units) * device.speed.factor + device.transfer.predict(uploadBytes);
  };
  const gpuIsFaster = (units: number): boolean =>
    Math.min(...gpus.map((gpu) => timeMs(gpu, units))) < Math.min(...cpus.map((cpu) => timeMs(cpu, units)));
  let units: number | null = null;
  for (let step = LARGEST_OCTAVE * STEPS_PER_OCTAVE; step >= 0; step--) {
    const size = 2 ** (step / STEPS_PER_OCTAVE);
    if (!gpuIsFaster(size)) break;
    units = size;
  }
  return units === null ? null : Object.freeze({ units, items: Math.ceil(units / task.unitsPerItem) });
}

/** People look seldom: they see what is known now. */
function current(line: CostLine, decisions: number): void {
  line.refresh(Infinity, decisions);
}
