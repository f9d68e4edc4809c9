/** Identifies a pending action. */
export interface VirtualTimer {
  readonly timeMs: number;
}

class Event implements VirtualTimer {
  readonly timeMs: number;
  readonly order: number;
  readonly action: () => void;
  isCancelled = false;

  constructor(timeMs: number, order: number, action: () => void) {
    this.timeMs = timeMs;
    this.order = order;
    this.action = action;
  }

  isBefore(other: Event): boolean {
    return this.timeMs < other.timeMs || (this.timeMs === other.timeMs && this.order < other.order);
  }
}

/** Events by time, and by the order of their addition at equal times: a binary heap. */
export class EventQueue {
  readonly #heap: Event[] = [];
  #added = 0;

  add(timeMs: number, action: () => void): VirtualTimer {
    const event = new Event(timeMs, this.#added++, action);
    const heap = this.#heap;
    let place = heap.length;
    heap.push(event);
    while (place > 0) {
      const parent = (place - 1) >> 1;
      if (!event.isBefore(heap[parent])) break;
      heap[place] = heap[parent];
      place = parent;
    }
    heap[place] = event;
    return event;
  }

  /** Does nothing for a past event. A cancelled event stays in the heap and is skipped at its time. */
  remove(timer: VirtualTimer): void {
    if (timer instanceof Event) timer.isCancelled = true;
  }

  /** Removes and returns the earliest event. */
  next(): Event | undefined {
    for (;;) {
      const event = this.#pop();
      if (event?.isCancelled !== true) return event;
    }
  }

  #pop(): Event | undefined {
    const heap = this.#heap;
    const first = heap[0];
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return last;
    let place = 0;
    for (;;) {
      let child = 2 * place + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && heap[child + 1].isBefore(heap[child])) child += 1;
      if (!heap[child].isBefore(last)) break;
      heap[place] = heap[child];
      place = child;
    }
    heap[place] = last;
    return first;
  }
}
