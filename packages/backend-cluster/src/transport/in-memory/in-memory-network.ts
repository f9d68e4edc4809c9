import { optionNames, readOptions, requireFinite, requireInteger } from '@gearshift/contracts/internal';
import { REAL_CLOCK, type Clock } from '../../clock.js';
import type { ClusterTransport, IncomingMessage } from '../transport.js';
import { InMemoryTransport } from './in-memory-transport.js';
import { seededRandom } from './seeded-random.js';
import { fitsPattern } from './subject-pattern.js';

export interface InMemoryNetworkOptions {
  /** Default: the clock of the process. */
  readonly clock?: Clock | undefined;
  /** Decides which member of a queue group gets a message, what is lost, and how long it takes. Default 1. */
  readonly seed?: number | undefined;
  /** The most bytes of one message. Default 1 MiB, which is that of NATS. */
  readonly maxPayloadBytes?: number | undefined;
}

/** How messages from and to one party fare. */
export interface LinkOptions {
  /** Time that a message takes on this link; one from party to party takes that of both. Default 0. */
  readonly delayMs?: number | undefined;
  /** Up to so much more, at random. Messages from one party to another stay in order. Default 0. */
  readonly jitterMs?: number | undefined;
  /** Share of the messages that are lost, from 0 to 1. Default 0. */
  readonly lossRate?: number | undefined;
  /** Share of the messages that arrive twice, from 0 to 1. Default 0. */
  readonly duplicateRate?: number | undefined;
}

const NETWORK_OPTIONS = optionNames<InMemoryNetworkOptions>({ clock: true, seed: true, maxPayloadBytes: true });
const LINK_OPTIONS = optionNames<LinkOptions>({ delayMs: true, jitterMs: true, lossRate: true, duplicateRate: true });
const DEFAULT_PAYLOAD_BYTES = 2 ** 20;

/** Receives what was sent, in its own turn. */
export interface Subscription {
  readonly pattern: string;
  readonly queue: string | undefined;
  readonly party: Party;
  /** The connection of the party. */
  readonly transport: InMemoryTransport;
  readonly handler: (message: IncomingMessage) => void;
}

/** A process with its connections, and the state of its link. */
export interface Party {
  readonly name: string;
  readonly transport: InMemoryTransport;
  /** Further connections of the same process, which end with the first one. */
  readonly others: Set<InMemoryTransport>;
  link: Required<{ [K in keyof LinkOptions]: number }>;
  isConnected: boolean;
  /** A process that was stopped: what arrives and what it sends waits. Undefined while it runs. */
  waiting: (() => void)[] | undefined;
}

/**
 * A messaging system within one process, for tests: queue groups, and links that are slow, lose or repeat messages, are cut, or end.
 * Everything that is random follows from the seed.
 */
export class InMemoryNetwork {
  readonly clock: Clock;
  readonly maxPayloadBytes: number;
  readonly #random: () => number;
  readonly #parties = new Map<string, Party>();
  readonly #subscriptions = new Set<Subscription>();
  /** Pairs of parties between which nothing passes. */
  readonly #separated = new Set<string>();
  /** When the last message of a pair arrives, so that later ones do not overtake it. */
  readonly #lastArrivals = new Map<string, number>();

  constructor(options: InMemoryNetworkOptions = {}) {
    const given = readOptions('options', options, NETWORK_OPTIONS);
    this.clock = given.clock ?? REAL_CLOCK;
    this.#random = seededRandom(requireInteger('seed', given.seed ?? 1, 0));
    this.maxPayloadBytes = requireInteger('maxPayloadBytes', given.maxPayloadBytes ?? DEFAULT_PAYLOAD_BYTES, 1024);
  }

  /** A new connection. The name is free again once it is closed. */
  connect(name: string): ClusterTransport {
    if (this.#parties.has(name)) throw new RangeError(`name: '${name}' is connected already`);
    const transport: InMemoryTransport = new InMemoryTransport(this, () => party);
    const link = { delayMs: 0, jitterMs: 0, lossRate: 0, duplicateRate: 0 };
    const party: Party = { name, transport, others: new Set(), link, isConnected: true, waiting: undefined };
    this.#parties.set(name, party);
    return transport;
  }

  /** Changes the link of a party; what is not named is reset. */
  setLink(name: string, options: LinkOptions): void {
    const {
      delayMs = 0,
      jitterMs = 0,
      lossRate = 0,
      duplicateRate = 0,
    } = readOptions('options', options, LINK_OPTIONS);
    requireFinite('delayMs', delayMs, 0);
    requireFinite('jitterMs', jitterMs, 0);
    requireFinite('lossRate', lossRate, 0);
    requireFinite('duplicateRate', duplicateRate, 0);
    this.#party(name).link = { delayMs, jitterMs, lossRate, duplicateRate };
  }

  /** From now on, nothing passes between the parties of the two groups; no connection notices. */
  separate(groupA: readonly string[], groupB: readonly string[]): void {
    for (const a of groupA) for (const b of groupB) this.#separated.add(pair(a, b)).add(pair(b, a));
  }

  /** Ends every separation. */
  heal(): void {
    this.#separated.clear();
  }

  /** Stops a process: its messages wait, in both directions, until it is resumed. */
  pause(name: string): void {
    this.#party(name).waiting ??= [];
  }

  resume(name: string): void {
    const party = this.#party(name);
    const { waiting = [] } = party;
    party.waiting = undefined;
    for (const pass of waiting) pass();
  }

  /** The connection of a party is lost, and both sides notice. */
  disconnect(name: string): void {
    const party = this.#party(name);
    party.isConnected = false;
    for (const one of [party.transport, ...party.others]) one.connectionChanged(false);
  }

  reconnect(name: string): void {
    const party = this.#party(name);
    party.isConnected = true;
    for (const one of [party.transport, ...party.others]) one.connectionChanged(true);
  }

  /** Ends a party as if its process was killed: it answers nothing any more, and the network notices. */
  kill(name: string): void {
    this.#party(name).transport.abandon();
  }

  /** For transports. */
  subscribe(subscription: Subscription): () => void {
    this.#subscriptions.add(subscription);
    return () => this.#subscriptions.delete(subscription);
  }

  /** For transports: a further connection of a process, on which messages overtake those of the others. */
  connectBeside(party: Party): InMemoryTransport {
    const transport = new InMemoryTransport(this, () => party);
    party.others.add(transport);
    return transport;
  }

  /** For transports. */
  leave(party: Party, transport: InMemoryTransport): void {
    for (const subscription of this.#subscriptions) {
      if (subscription.transport === transport) this.#subscriptions.delete(subscription);
    }
    if (party.others.delete(transport)) return;
    if (this.#parties.get(party.name) === party) this.#parties.delete(party.name);
    for (const other of [...party.others]) other.abandon();
  }

  /** For transports: who receives a message, one member for each queue group. */
  receiversOf(subject: string): Subscription[] {
    const receivers: Subscription[] = [];
    const groups = new Map<string, Subscription[]>();
    for (const subscription of this.#subscriptions) {
      if (!subscription.party.isConnected || !fitsPattern(subscription.pattern, subject)) continue;
      if (subscription.queue === undefined) receivers.push(subscription);
      else groups.set(subscription.queue, [...(groups.get(subscription.queue) ?? []), subscription]);
    }
    for (const members of groups.values()) receivers.push(members[Math.floor(this.#random() * members.length)]);
    return receivers;
  }

  /**
   * For transports: takes a message from party to party, or loses it.
   *
   * @param lane messages of one lane stay in order
   */
  pass(from: Party, to: Party, deliver: () => void, lane = ''): void {
    if (from.waiting !== undefined) return void from.waiting.push(() => this.pass(from, to, deliver, lane));
    if (this.#separated.has(pair(from.name, to.name))) return;
    const copies = this.#random() < Math.max(from.link.duplicateRate, to.link.duplicateRate) ? 2 : 1;
    for (let copy = 0; copy < copies; copy++) {
      if (this.#random() < from.link.lossRate || this.#random() < to.link.lossRate) continue;
      const jitterMs = (from.link.jitterMs + to.link.jitterMs) * this.#random();
      this.#arriveAfter(from.link.delayMs + to.link.delayMs + jitterMs, from, to, deliver, lane);
    }
  }

  #arriveAfter(delayMs: number, from: Party, to: Party, deliver: () => void, lane: string): void {
    const key = pair(from.name, to.name) + lane;
    const nowMs = this.clock.nowMs();
    const atMs = Math.max(nowMs + delayMs, this.#lastArrivals.get(key) ?? 0);
    this.#lastArrivals.set(key, atMs);
    this.clock.startTimer(atMs - nowMs, () => {
      if (to.waiting !== undefined) to.waiting.push(deliver);
      else if (to.isConnected) deliver();
    });
  }

  #party(name: string): Party {
    const party = this.#parties.get(name);
    if (party === undefined) throw new RangeError(`name: '${name}' is not connected`);
    return party;
  }
}

function pair(from: string, to: string): string {
  return `${from}>${to}`;
}
