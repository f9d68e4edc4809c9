import {
  DEVICE_KINDS,
  err,
  WORK_SHAPES,
  type DeviceKind,
  type PolicyImportError,
  type PolicyState,
  type Result,
  type WorkShape,
} from '@gearshift/contracts';
import { checkState, isObject } from '../policy-state.js';
import { LINE, type CostLine } from './cost-line.js';
import type { Knowledge } from './knowledge.js';
import { isAmount, isLineState, lineState, takeOver, type LineState } from './line-state.js';

const VERSION = 1;
const MOST_DEVICES = 64;
const MOST_LINES = 256;
const LONGEST_NAME = 200;

interface DeviceState {
  readonly id: string;
  readonly kind: DeviceKind;
  readonly transfer: LineState | null;
  readonly costs: readonly CostState[];
}

interface CostState {
  readonly operation: string;
  readonly shape: WorkShape;
  /** A new line is computed from these, and then corrected by `line`. */
  readonly flops: number;
  readonly bytes: number;
  readonly line: LineState;
}

/** The lines of all devices, without their momentary speeds. */
export function exportKnowledge(policy: string, knowledge: Knowledge): PolicyState {
  const devices: DeviceState[] = [];
  for (const { id, kind, transfer, lines } of knowledge.devices.values()) {
    const costs: CostState[] = [];
    for (const { number, operation, shape, flops, bytes } of knowledge.tasks) {
      const line = stateOf(lines[number], knowledge);
      if (line !== null) costs.push({ operation, shape, flops, bytes, line });
    }
    const transferState = stateOf(transfer, knowledge);
    if (costs.length > 0 || transferState !== null) devices.push({ id, kind, transfer: transferState, costs });
  }
  return { policy, version: VERSION, learned: { devices } };
}

function stateOf(line: CostLine | undefined, { decisions }: Knowledge): LineState | null {
  line?.refresh(Infinity, decisions);
  return line !== undefined && line.sums.total[LINE.samples] > 0 ? lineState(line.sums.total) : null;
}

/** All or nothing: a state with anything malformed changes nothing. */
export function importKnowledge(
  policy: string,
  knowledge: Knowledge,
  state: PolicyState,
): Result<void, PolicyImportError> {
  const checked = checkState(state, policy, VERSION);
  if (!checked.ok) return checked;
  const devices: unknown = isObject(state.learned) ? state.learned['devices'] : undefined;
  if (!Array.isArray(devices) || devices.length > MOST_DEVICES) {
    return err({ kind: 'malformed', message: `learned.devices is not a list of at most ${MOST_DEVICES} devices` });
  }
  for (const [index, device] of devices.entries()) {
    const flaw = flawOf(device);
    if (flaw !== undefined) return err({ kind: 'malformed', message: `learned.devices[${index}]${flaw}` });
  }
  knowledge.lessons += 1;
  for (const { id, kind, transfer, costs } of devices as DeviceState[]) {
    const device = knowledge.device(id, kind);
    if (transfer !== null) takeOver(device.transfer, transfer);
    for (const { operation, shape, flops, bytes, line } of costs) {
      const task = knowledge.task({ operation, shape, batchSize: 1, flops, bytes, rangeBytes: bytes });
      takeOver(device.line(task, { flops, bytes }), line);
    }
  }
  return checked;
}

/** The wrong part and what was expected; `undefined` where nothing is wrong. */
function flawOf(device: unknown): string | undefined {
  if (!isObject(device)) return ' is not an object';
  const { id, kind, transfer, costs } = device as Partial<Record<keyof DeviceState, unknown>>;
  if (!isName(id)) return `.id is not a name of 1 to ${LONGEST_NAME} characters`;
  if (!DEVICE_KINDS.includes(kind as DeviceKind)) return `.kind is not one of ${DEVICE_KINDS.join(', ')}`;
  if (transfer !== null && !isLineState(transfer)) return '.transfer is not a line';
  if (!Array.isArray(costs) || costs.length > MOST_LINES) return `.costs is not a list of at most ${MOST_LINES} lines`;
  const wrong = costs.findIndex((cost: unknown) => !isCostState(cost));
  return wrong < 0 ? undefined : `.costs[${wrong}] is not the line of an operation`;
}

function isCostState(cost: unknown): cost is CostState {
  if (!isObject(cost)) return false;
  const { operation, shape, flops, bytes, line } = cost as Partial<Record<keyof CostState, unknown>>;
  const isTask = isName(operation) && WORK_SHAPES.includes(shape as WorkShape);
  return isTask && isAmount(flops) && isAmount(bytes) && isLineState(line);
}

function isName(value: unknown): value is string {
  return typeof value === 'string' && value !== '' && value.length <= LONGEST_NAME;
}
