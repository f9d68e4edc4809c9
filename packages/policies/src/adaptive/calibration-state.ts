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
import { GENERIC_TRANSFER, genericCost, LINE, unitsOf, type CostLine } from './cost-line.js';
import type { Knowledge } from './knowledge.js';
import { flawOfLine, flawOfNumber, lineState, ownValue, takeOver, type LineState } from './line-state.js';

const VERSION = 1;
const MOST_DEVICES = 64;
const MOST_LINES = 256;
const LONGEST_NAME = 200;
/** Of the work of one request, apart from 0: more than a machine does in a thousand years. */
const WORK_RANGE = [1, 1e24] as const;
const TYPICAL_TRANSFER_BYTES = 1e6;

interface DeviceState {
  readonly id: string;
  readonly kind: DeviceKind;
  readonly transfer: LineState | null;
  readonly costs: readonly CostState[];
}

interface CostState {
  readonly operation: string;
  readonly shape: WorkShape;
  /** Of the operand; absent for the operand itself. */
  readonly form?: string;
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
      for (const [form, ofForm] of lines[number] ?? []) {
        const line = stateOf(ofForm, knowledge);
        if (line !== null) costs.push({ operation, shape, ...(form !== undefined && { form }), flops, bytes, line });
      }
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
  const ids = new Set<unknown>();
  for (const [index, device] of devices.entries()) {
    const flaw = flawOfDevice(`learned.devices[${index}]`, device, ids);
    if (flaw !== undefined) return err({ kind: 'malformed', message: flaw });
  }
  knowledge.lessons += 1;
  for (const { id, kind, transfer, costs } of devices as DeviceState[]) {
    const device = knowledge.device(id, kind);
    if (transfer !== null) takeOver(device.transfer, transfer);
    for (const { operation, shape, form, flops, bytes, line } of costs) {
      const task = knowledge.task({ operation, shape, batchSize: 1, flops, bytes, rangeBytes: bytes });
      takeOver(device.line(task, { flops, bytes }, form), line);
    }
  }
  return checked;
}

/** What is wrong with the state of a device, with its place; undefined where nothing is. */
function flawOfDevice(path: string, device: unknown, ids: Set<unknown>): string | undefined {
  if (!isObject(device)) return `${path} is not an object`;
  const [id, kind, transfer, costs] = ['id', 'kind', 'transfer', 'costs'].map((key) => ownValue(device, key));
  if (!isName(id)) return `${path}.id is not a name of 1 to ${LONGEST_NAME} characters`;
  if (!DEVICE_KINDS.includes(kind as DeviceKind)) return `${path}.kind is not one of ${DEVICE_KINDS.join(', ')}`;
  if (ids.has(id)) return `${path}.id: '${id}' is listed twice`;
  ids.add(id);
  if (transfer !== null) {
    const flaw = flawOfLine(`${path}.transfer`, transfer, GENERIC_TRANSFER, TYPICAL_TRANSFER_BYTES);
    if (flaw !== undefined) return flaw;
  }
  if (!Array.isArray(costs) || costs.length > MOST_LINES) {
    return `${path}.costs is not a list of at most ${MOST_LINES} lines`;
  }
  const tasks = new Set<string>();
  for (const [index, cost] of (costs as unknown[]).entries()) {
    const flaw = flawOfCost(`${path}.costs[${index}]`, cost, kind as DeviceKind, tasks);
    if (flaw !== undefined) return flaw;
  }
  return undefined;
}

function flawOfCost(path: string, cost: unknown, kind: DeviceKind, tasks: Set<string>): string | undefined {
  if (!isObject(cost)) return `${path} is not the line of an operation`;
  const [operation, shape, flops, bytes] = ['operation', 'shape', 'flops', 'bytes'].map((key) => ownValue(cost, key));
  if (!isName(operation)) return `${path}.operation is not a name of 1 to ${LONGEST_NAME} characters`;
  if (!WORK_SHAPES.includes(shape as WorkShape)) return `${path}.shape is not one of ${WORK_SHAPES.join(', ')}`;
  const form = ownValue(cost, 'form');
  if (form !== undefined && !isName(form)) return `${path}.form is not a name of 1 to ${LONGEST_NAME} characters`;
  for (const [name, amount] of Object.entries({ flops, bytes })) {
    const flaw = amount === 0 ? undefined : flawOfNumber(`${path}.${name}`, amount, WORK_RANGE);
    if (flaw !== undefined) return flaw;
  }
  const work = { flops: flops as number, bytes: bytes as number };
  const flaw = flawOfLine(`${path}.line`, ownValue(cost, 'line'), genericCost(kind, work), unitsOf(work));
  if (flaw !== undefined) return flaw;
  const task = JSON.stringify([operation, shape, form]);
  if (tasks.has(task)) {
    const ofForm = form === undefined ? '' : ` and the form '${form}'`;
    return `${path}: the line of '${operation}' for the shape '${shape as WorkShape}'${ofForm} is listed twice`;
  }
  tasks.add(task);
  return undefined;
}

function isName(value: unknown): value is string {
  return typeof value === 'string' && value !== '' && value.length <= LONGEST_NAME;
}
