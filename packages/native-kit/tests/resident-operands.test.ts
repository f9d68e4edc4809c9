import { createMatrix, graphFromEdges, markChanged, type Operand, type VectorMatrix } from '@gearshift/contracts';
import { setImmediate } from 'node:timers/promises';
import { collectOnce } from '@gearshift/vitest-config/collect-garbage';
import { beforeEach, expect, test, vi } from 'vitest';
import { BackendFailures, copyIdOf, RESIDENT_STATE, ResidentOperands, type Failure } from '../src/index.js';

const failures = new BackendFailures('test');

/** Copies as a list of events. */
class FakeResidents extends ResidentOperands {
  readonly events: string[];
  #handles = 0;
  openFails = false;
  fillResult: () => Promise<Failure | undefined> = () => Promise.resolve(undefined);

  constructor(events: string[], state: () => number, matches: () => boolean) {
    super(
      {
        residentState: state,
        residentBytes: (handle) => handle * 10,
        matchesMatrix: matches,
        reportMemory: () => 0,
        release: (handle) => void events.push(`release ${handle}`),
      },
      failures,
    );
    this.events = events;
  }

  protected override open(operand: Operand): number | Failure {
    if (this.openFails) return failures.of('out-of-memory', 'full');
    this.events.push(`open ${operand.id}`);
    return ++this.#handles;
  }

  override fill(_operand: Operand, handle: number, signal: AbortSignal | undefined): Promise<Failure | undefined> {
    this.events.push(`fill ${handle}`);
    return Promise.race([
      this.fillResult(),
      new Promise<Failure>((resolve) => {
        signal?.addEventListener('abort', () => resolve(failures.aborted()));
      }),
    ]);
  }

  override dropOldest(): boolean {
    return super.dropOldest();
  }

  override heldBytes(): number {
    return super.heldBytes();
  }
}

class UpdatableResidents extends FakeResidents {
  updates = true;

  protected override updateCopy(handle: number, operand: VectorMatrix): number | undefined {
    const rows = this.missingRows(operand);
    this.events.push(`update ${handle} to version ${operand.version}: ${rows?.start} to ${rows?.end}`);
    return this.updates ? handle : undefined;
  }

  handleNow(operand: VectorMatrix): number | undefined {
    return this.updateNow(
      operand,
      () => true,
      (handle) => void this.events.push(`fill ${handle}`),
    );
  }
}

let events: string[];
let state: number;
let matches: boolean;
let residents: FakeResidents;
beforeEach(() => {
  events = [];
  state = RESIDENT_STATE.ours;
  matches = true;
  residents = new FakeResidents(
    events,
    () => state,
    () => matches,
  );
});

const newMatrix = () => createMatrix(new Float32Array(6), { dimensions: 2 });

test('concurrent requests share one copy of an operand', async () => {
  const matrix = newMatrix();
  expect(residents.handleOf(matrix)).toBeUndefined();
  expect(residents.residentBytes(matrix)).toBe(0);
  const outcomes = await Promise.all([residents.ensure(matrix, undefined), residents.ensure(matrix, undefined)]);
  expect(outcomes).toEqual([undefined, undefined]);
  expect(await residents.ensure(matrix, undefined)).toBeUndefined();
  expect(events).toEqual([`open ${matrix.id}`, 'fill 1']);
  expect(residents.handleOf(matrix)).toBe(1);
  expect(residents.residentBytes(matrix)).toBe(10);
});

test('a copy serves only operands with its type of elements and scale', async () => {
  const bits = new Uint16Array(6);
  const float16 = createMatrix(bits, { dimensions: 2, dtype: 'float16' });
  expect(await residents.ensure(float16, undefined)).toBeUndefined();
  expect(residents.handleOf(float16)).toBe(1);
  expect(residents.handleOf({ ...float16 })).toBe(1);
  // The same array, so that the contents alone do not tell.
  expect(residents.handleOf({ ...float16, dtype: 'bfloat16' })).toBeUndefined();
  expect(residents.residentBytes({ ...float16, dtype: 'bfloat16' })).toBe(0);

  const int8 = createMatrix(new Int8Array(6), { dimensions: 2, scale: 0.5 });
  expect(await residents.ensure(int8, undefined)).toBeUndefined();
  expect(residents.handleOf(int8)).toBe(2);
  expect(residents.handleOf({ ...int8, scale: 0.25 })).toBeUndefined();
  expect(residents.handleOf({ ...int8, scale: undefined })).toBeUndefined();

  const float32 = newMatrix();
  expect(await residents.ensure(float32, undefined)).toBeUndefined();
  expect(residents.handleOf({ ...float32, dtype: 'float32' })).toBe(3);
});

test('a copy is not updated to other elements', async () => {
  residents = new UpdatableResidents(
    events,
    () => state,
    () => matches,
  );
  const matrix = createMatrix(new Uint16Array(6), { dimensions: 2, dtype: 'float16' });
  expect(await residents.ensure(matrix, undefined)).toBeUndefined();
  const changes = [{ version: 2, start: 0, end: 1 }];
  expect(await residents.ensure({ ...matrix, dtype: 'bfloat16', version: 2, changes }, undefined)).toBeUndefined();
  expect(events).toEqual([`open ${matrix.id}`, 'fill 1', 'release 1', `open ${matrix.id}`, 'fill 2']);
});

test('a fill is abandoned only when the last request that waits for it is aborted', async () => {
  const matrix = newMatrix();
  residents.fillResult = () => new Promise(() => undefined);
  const [first, second] = [new AbortController(), new AbortController()];
  const waiting = [residents.ensure(matrix, first.signal), residents.ensure(matrix, second.signal)];
  first.abort();
  expect(await waiting[0]).toMatchObject({ error: { kind: 'aborted' } });
  expect(events).not.toContain('release 1');
  second.abort();
  expect(await waiting[1]).toMatchObject({ error: { kind: 'aborted' } });
  await residents.close();
  expect(events.at(-1)).toBe('release 1');
});

test('a request waits for a copy that another thread fills and compares it with the values', async () => {
  const matrix = newMatrix();
  state = RESIDENT_STATE.theirs;
  const waiting = residents.ensure(matrix, undefined);
  setTimeout(() => {
    state = RESIDENT_STATE.ready;
    matches = false;
  }, 5);
  expect(await waiting).toMatchObject({
    error: { kind: 'invalid-input', message: expect.stringContaining('other values') },
  });
  expect(events).toEqual([`open ${matrix.id}`, 'release 1']);
});

test('no copy is left after a failed open, a failed fill or an exception', async () => {
  const matrix = newMatrix();
  residents.openFails = true;
  expect(await residents.ensure(matrix, undefined)).toMatchObject({ error: { kind: 'out-of-memory' } });
  residents.openFails = false;
  residents.fillResult = () => Promise.resolve(failures.of('fault', 'broken'));
  expect(await residents.ensure(matrix, undefined)).toMatchObject({ error: { kind: 'fault' } });
  residents.fillResult = () => Promise.reject(new TypeError('gone'));
  await expect(residents.ensure(matrix, undefined)).rejects.toThrow('gone');
  expect(events.filter((event) => event.startsWith('release'))).toEqual(['release 1', 'release 2']);
  expect(residents.handleOf(matrix)).toBeUndefined();
});

test('a copy of an earlier version is dropped when the backend cannot update copies', async () => {
  const matrix = newMatrix();
  expect(await residents.ensure(matrix, undefined)).toBeUndefined();
  markChanged(matrix, { start: 1, end: 2 });
  expect(residents.missingRows(matrix)).toBeUndefined();
  expect(residents.handleOf(matrix)).toBeUndefined();
  expect(events.at(-1)).toBe('release 1');
});

test('a copy of an earlier version gets only the changed rows when the backend can update it', async () => {
  const updatable = new UpdatableResidents(
    events,
    () => state,
    () => matches,
  );
  const matrix = newMatrix();
  expect(await updatable.ensure(matrix, undefined)).toBeUndefined();
  markChanged(matrix, { start: 1, end: 2 });
  expect(updatable.missingRows(matrix)).toEqual({ start: 1, end: 2 });
  expect(updatable.handleOf(matrix)).toBeUndefined();
  expect(await updatable.ensure(matrix, undefined)).toBeUndefined();
  expect(events.slice(2)).toEqual([`update 1 to version ${matrix.version}: 1 to 2`, 'fill 1']);
  expect(updatable.handleOf(matrix)).toBe(1);

  updatable.updates = false;
  markChanged(matrix, { start: 0, end: 1 });
  expect(await updatable.ensure(matrix, undefined)).toBeUndefined();
  expect(events.slice(4)).toEqual([
    `update 1 to version ${matrix.version}: 0 to 1`,
    'release 1',
    `open ${matrix.id}`,
    'fill 2',
  ]);
});

/** A version of a stored matrix, of which the memory is `memory`. */
function storedVersion(memory: object, version: number, changedRows = 1): VectorMatrix {
  const snapshot = { memory, rowsChangedSince: () => [{ start: 0, end: changedRows }] };
  return { id: 7, version, rows: 3, dimensions: 2, values: new Float32Array(6), snapshot: snapshot as never };
}

test('a copy of a stored matrix serves the version it was changed to, and is released once the memory is collected', async () => {
  const updatable = new UpdatableResidents(
    events,
    () => state,
    () => false,
  );
  await (async () => {
    const memory = {};
    expect(await updatable.ensure(storedVersion(memory, 1), undefined)).toBeUndefined();
    for (const version of [2, 3]) {
      expect(updatable.handleNow(storedVersion(memory, version))).toBe(1);
      expect(updatable.handleOf(storedVersion(memory, version))).toBe(1);
      expect(updatable.handleOf(storedVersion({}, version))).toBeUndefined();
    }
    // A request from before the change gets another answer than the copy, which stays.
    expect(updatable.handleOf(storedVersion(memory, 1))).toBeUndefined();
    expect(updatable.handleOf(storedVersion(memory, 3))).toBe(1);
  })();
  expect(events.filter((event) => event.startsWith('release'))).toEqual([]);
  const isReleased = async () => {
    await setImmediate();
    collectOnce();
    expect(events.at(-1)).toBe('release 1');
  };
  await vi.waitFor(isReleased, 50_000);
  expect(updatable.handleNow(storedVersion({}, 3))).toBeUndefined();
});

test('the least recently used copy is dropped first', async () => {
  const [first, second] = [newMatrix(), graphFromEdges(2, [])];
  expect(await residents.ensure(first, undefined)).toBeUndefined();
  expect(await residents.ensure(second, undefined)).toBeUndefined();
  residents.use(first);
  expect(residents.heldBytes()).toBe(30);
  expect(residents.dropOldest()).toBe(true);
  expect(residents.handleOf(second)).toBeUndefined();
  expect(residents.handleOf(first)).toBe(1);
  residents.release(first);
  expect(residents.dropOldest()).toBe(false);
});

test('a copy is not used for another operand with the same id, version and shape', async () => {
  const matrix = newMatrix();
  expect(await residents.ensure(matrix, undefined)).toBeUndefined();
  matches = false;
  const invented = { ...matrix, values: new Float32Array(6) };
  expect(residents.handleOf(invented)).toBeUndefined();
  expect(residents.handleOf(matrix)).toBe(1);
  matches = true;
  expect(residents.handleOf(structuredClone(matrix))).toBe(1);

  const graph = graphFromEdges(3, [[0, 1]]);
  expect(await residents.ensure(graph, undefined)).toBeUndefined();
  expect(residents.handleOf(graph)).toBe(2);
  expect(residents.handleOf({ ...graph, weights: Float32Array.of(2) })).toBeUndefined();
  expect(residents.handleOf(structuredClone(graph))).toBeUndefined();
});

test('concurrent requests on two operands with the same id get a copy each', async () => {
  const graph = graphFromEdges(3, [[0, 1]]);
  const other = { ...graph, rowPointers: graph.rowPointers.slice() };
  await Promise.all([residents.ensure(graph, undefined), residents.ensure(other, undefined)]);
  expect(events.filter((event) => event.startsWith('fill'))).toEqual(['fill 1', 'fill 2']);
});

test('an updated copy is refused when its other rows are not those of the operand', async () => {
  const updatable = new UpdatableResidents(
    events,
    () => state,
    () => matches,
  );
  const matrix = newMatrix();
  expect(await updatable.ensure(matrix, undefined)).toBeUndefined();
  matches = false;
  const invented = { ...matrix, values: new Float32Array(6), version: 2, changes: [{ version: 2, start: 0, end: 1 }] };
  expect(await updatable.ensure(invented, undefined)).toMatchObject({ error: { kind: 'invalid-input' } });
  expect(updatable.handleOf(invented)).toBeUndefined();
  expect(events.at(-1)).toBe('release 1');
});

test('copyIdOf tells graphs with the same id apart, and finds a posted graph again', () => {
  const graph = graphFromEdges(3, [
    [0, 1],
    [1, 2, 0.5],
  ]);
  const id = copyIdOf(graph);
  expect(Number.isSafeInteger(id)).toBe(true);
  expect(copyIdOf(structuredClone(graph))).toBe(id);
  expect(copyIdOf({ ...graph, weights: Float32Array.of(1, 0.25) })).not.toBe(id);
  expect(copyIdOf({ ...graph, columns: Uint32Array.of(0, 0) })).not.toBe(id);
  expect(copyIdOf({ ...graph, rowPointers: Uint32Array.of(0, 1, 2, 2) })).not.toBe(id);
});
