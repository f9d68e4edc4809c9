import { types } from 'node:util';
import { COMPANIONS, DTYPES, type StoredCompanion, type StoredRows } from '@gearshift/contracts';
import {
  DTYPE_BYTES,
  expected,
  own,
  requireExpectedUses,
  requireInteger,
  requireNodes,
  requireObject,
  requireOneOf,
  requireScale,
} from '@gearshift/contracts/internal';
import { CONTROL, CONTROL_BYTES, readHeader, sequenceOf } from './control.js';
import { GRAPH_VERSION, layoutOf, type StoredEdges } from './graph-memory.js';
import type { GraphHandle } from './stored-graph.js';
import type { StoredHandle } from './stored-matrix.js';

/*
 * Checks of what another thread is said to have posted. Each property is read once, so that the checked values are those that
 * are used. What the memory itself contains is checked where it is read.
 */

export function requireGraphHandle(value: GraphHandle): GraphHandle {
  const handle = requireObject('graph', value) as GraphHandle;
  const id = requireInteger('graph.id', own(handle, 'id'), 0);
  const version = own(handle, 'version');
  if (version !== GRAPH_VERSION) {
    throw new RangeError(expected('graph.version', `${GRAPH_VERSION}, because a stored graph never changes`, version));
  }
  const nodes = requireNodes('graph.nodes', own(handle, 'nodes'));
  const expectedUses = requireExpectedUses('graph.expectedUses', own(handle, 'expectedUses'));
  const given = requireObject('graph.stored', own(handle, 'stored')) as StoredEdges;
  const edges = requireInteger('graph.stored.edges', own(given, 'edges'), 0, 0xffff_ffff);
  const arrays = requireShared('graph.stored.arrays', own(given, 'arrays'));
  const { byteLength } = layoutOf(nodes, edges);
  if (arrays.byteLength !== byteLength) {
    const size = `${byteLength} bytes for ${nodes} nodes and ${edges} edges`;
    throw new RangeError(`graph.stored.arrays: expected ${size}, got ${arrays.byteLength}`);
  }
  const control = requireControl('graph.stored.control', own(given, 'control'));
  if (Atomics.load(control, CONTROL.current) !== sequenceOf(GRAPH_VERSION)) {
    throw new RangeError('graph.stored.control: expected that of a stored graph, got other contents');
  }
  return { id, version, nodes, expectedUses, stored: { control, arrays, edges } };
}

export function requireMatrixHandle(value: StoredHandle): StoredHandle {
  const handle = requireObject('matrix', value) as StoredHandle;
  const id = requireInteger('matrix.id', own(handle, 'id'), 0);
  const dimensions = requireInteger('matrix.dimensions', own(handle, 'dimensions'), 1);
  const dtype = requireOneOf('matrix.dtype', DTYPES, own(handle, 'dtype'));
  const scale = requireScale('matrix.scale', own(handle, 'scale'), dtype);
  const expectedUses = requireExpectedUses('matrix.expectedUses', own(handle, 'expectedUses'));
  const companion = requireOneOf('matrix.companion', COMPANIONS, own(handle, 'companion'));
  const given = requireObject('matrix.stored', own(handle, 'stored')) as StoredRows;
  const bytesPerRow = own(given, 'bytesPerRow');
  const rowBytes = dimensions * DTYPE_BYTES[dtype ?? 'float32'];
  if (bytesPerRow !== rowBytes) {
    throw new RangeError(
      expected('matrix.stored.bytesPerRow', `${rowBytes} for ${dimensions} dimensions`, bytesPerRow),
    );
  }
  const stored: StoredRows = {
    bytesPerRow,
    control: requireControl('matrix.stored.control', own(given, 'control')),
    rows: requireShared('matrix.stored.rows', own(given, 'rows')),
    stamps: requireGrowable('matrix.stored.stamps', own(given, 'stamps')),
    heads: requireGrowable('matrix.stored.heads', own(given, 'heads')),
    log: requireGrowable('matrix.stored.log', own(given, 'log')),
    removed: requireGrowable('matrix.stored.removed', own(given, 'removed')),
    removals: requireGrowable('matrix.stored.removals', own(given, 'removals')),
    ...optionalCompanion('matrix.stored.companion', own(given, 'companion')),
  };
  const { version, rows, removedRows } = readHeader(stored.control, Atomics.load(stored.control, CONTROL.current));
  if (![version, rows, removedRows].every((count) => Number.isSafeInteger(count) && count >= 0)) {
    throw new RangeError('matrix.stored.control: expected that of a stored matrix, got other contents');
  }
  if (rows * rowBytes > stored.rows.byteLength) {
    throw new RangeError(`matrix.stored.rows: expected the bytes of ${rows} rows, got ${stored.rows.byteLength}`);
  }
  return { id, dimensions, dtype, scale, expectedUses, companion, stored };
}

function requireControl(name: string, value: unknown): Int32Array {
  const isWhole =
    types.isInt32Array(value) && types.isSharedArrayBuffer(value.buffer) && value.buffer.byteLength === CONTROL_BYTES;
  if (isWhole && value.byteLength === CONTROL_BYTES) return value;
  throw new TypeError(expected(name, `an Int32Array over a SharedArrayBuffer of ${CONTROL_BYTES} bytes`, value));
}

/** Whether its parts are in its memory is checked where they are used. */
function optionalCompanion(name: string, value: unknown): Pick<StoredRows, 'companion'> {
  if (value === undefined) return {};
  const given = requireObject(name, value) as StoredCompanion;
  const description = own(given, 'description');
  if (!types.isUint8Array(description)) {
    throw new TypeError(expected(`${name}.description`, 'a Uint8Array', description));
  }
  const offsets = own(given, 'offsets');
  if (!Array.isArray(offsets)) throw new TypeError(expected(`${name}.offsets`, 'an array of numbers', offsets));
  const companion: StoredCompanion = {
    description: description.slice(),
    version: requireInteger(`${name}.version`, own(given, 'version'), 1),
    rows: requireInteger(`${name}.rows`, own(given, 'rows'), 0),
    offsets: offsets.map((offset, i) => requireInteger(`${name}.offsets[${i}]`, offset, 0)),
    capacity: requireInteger(`${name}.capacity`, own(given, 'capacity'), 0),
    memory: requireShared(`${name}.memory`, own(given, 'memory')),
  };
  return { companion };
}

function requireGrowable(name: string, value: unknown): SharedArrayBuffer {
  if (types.isSharedArrayBuffer(value) && value.growable) return value;
  throw new TypeError(expected(name, 'a growable SharedArrayBuffer', value));
}

function requireShared(name: string, value: unknown): SharedArrayBuffer {
  if (types.isSharedArrayBuffer(value)) return value;
  throw new TypeError(expected(name, 'a SharedArrayBuffer', value));
}
