import { setTimeout as sleep } from 'node:timers/promises';
import { createMatrix, type BackendErrorKind } from '@gearshift/contracts';
import { randomValues, type SeededRandom } from '@gearshift/testing';
import { LIES } from '../fixtures/lies.mjs';
import { connectNats, type Announcement } from '@gearshift/backend-cluster';
import { answerOf } from './answers.js';
import { Child } from './child.js';
import { COORDINATORS, DIMENSIONS, NAME, WORKERS, type CoordinatorName, type Stage, type WorkerName } from './stage.js';

/** What goes wrong for a while. */
export interface ChaosEvent {
  /** Kinds of failures that queries may have because of it, besides those of losses. */
  readonly kinds?: readonly BackendErrorKind[];
  /** It may begin while another one lasts. */
  readonly isCompanion?: true;
  /** It starts or ends processes in order, which another event could keep from that. */
  readonly isAlone?: true;
  begin(stage: Stage, random: SeededRandom): Promise<Heal> | Heal;
}

/** Ends it. Workers that are missing then are started again. */
export type Heal = () => Promise<void> | void;

const nothing = (): void => {};
const oneOf = <T>(random: SeededRandom, values: readonly T[]): T => values[random.integer(values.length)];
const runningWorkers = (stage: Stage): WorkerName[] => WORKERS.filter((name) => stage.workers.get(name)?.isRunning);

function someWorker(stage: Stage, random: SeededRandom): Child {
  const child = stage.workers.get(oneOf(random, runningWorkers(stage)));
  if (child === undefined) throw new Error('no worker is running');
  return child;
}

function someLink(stage: Stage, party: string) {
  const link = stage.links.get(party);
  if (link === undefined) throw new Error(`${party} has no link of its own`);
  return link;
}

/** Nothing passes, and both ends believe that they are connected. What was sent arrives later, or the connection breaks in the end. */
function separate(stage: Stage, party: string, random: SeededRandom): Heal {
  const link = someLink(stage, party);
  if (random.integer(2) === 0) {
    link.stall('both');
    return () => link.stall('nothing');
  }
  // A stream with a gap is no stream: what is swallowed is never followed by more.
  link.set({ swallows: oneOf(random, ['everything', 'to-server', 'to-client'] as const) });
  return () => {
    link.cut();
    link.set({ swallows: 'nothing' });
  };
}

const EVENTS_OF_PARTIES: Readonly<Record<string, ChaosEvent>> = {
  'a worker is killed': {
    // It may be the second one that had the same query.
    kinds: ['fault'],
    isCompanion: true,
    async begin(stage, random) {
      await someWorker(stage, random).end('SIGKILL');
      return nothing;
    },
  },
  'two workers are killed': {
    // A query that both had is not tried again.
    kinds: ['fault'],
    async begin(stage, random) {
      for (let i = 0; i < 2; i++) await someWorker(stage, random).end('SIGKILL');
      return nothing;
    },
  },
  'a worker hangs': {
    isCompanion: true,
    begin(stage, random) {
      const child = someWorker(stage, random);
      child.signal('SIGSTOP');
      return () => child.signal('SIGCONT');
    },
  },
  'a worker is slow': {
    isCompanion: true,
    begin(stage, random) {
      const child = someWorker(stage, random);
      child.send({ slowMs: 20 + random.integer(400) });
      return () => child.send({ slowMs: 0 });
    },
  },
  'a worker leaves': {
    isAlone: true,
    async begin(stage, random) {
      const { code, signal } = await someWorker(stage, random).end('SIGTERM');
      if (code !== 0) stage.violations.push(`a worker that was asked to leave ended with ${code ?? signal}`);
      return nothing;
    },
  },
  'all workers are replaced, one after the other': {
    isAlone: true,
    async begin(stage, random) {
      for (const name of WORKERS) {
        await stage.workers.get(name)?.end('SIGTERM');
        await stage.startWorker(name);
        await sleep(random.integer(200));
      }
      return nothing;
    },
  },
  'two coordinators place new rows': {
    kinds: ['fault'],
    begin(stage, random) {
      const files = Array.from({ length: 6 }, () => random.integer(3));
      const placeAll = async (name: CoordinatorName, own: number) => {
        for (const [i, file] of files.entries()) if (i % 2 === own) await stage.place(name, file, undefined);
      };
      const placing = Promise.all(COORDINATORS.map(placeAll));
      return async () => {
        await placing;
      };
    },
  },
  'a coordinator is replaced': {
    isAlone: true,
    kinds: ['unsupported'],
    async begin(stage) {
      await stage.coordinator('c1').close();
      await stage.startCoordinator('c1');
      return nothing;
    },
  },
  'a worker lies': {
    isCompanion: true,
    kinds: ['invalid-result'],
    begin(stage, random) {
      const child = someWorker(stage, random);
      child.send({ lie: oneOf(random, Object.keys(LIES)) });
      return () => child.send({ lie: null });
    },
  },
  'a process with another profile answers': {
    isAlone: true,
    kinds: ['unsupported', 'invalid-result'],
    async begin(stage, random) {
      const honest = await someWorker(stage, random).describe<Announcement>();
      if (honest === undefined) return nothing;
      const settings = { entry: stage.tested.entry, servers: stage.urlsOf('alien'), name: NAME, honest };
      const alien = await Child.start('alien-worker.mjs', { ...settings, isDraining: random.integer(2) === 0 });
      return async () => {
        await alien.end('SIGKILL');
      };
    },
  },
  'a query ends each worker that computes it': {
    isAlone: true,
    kinds: ['fault'],
    async begin(stage) {
      const name: CoordinatorName = 'c0';
      const matrix = createMatrix(randomValues(64 * DIMENSIONS, 77), { dimensions: DIMENSIONS });
      const running = runningWorkers(stage).flatMap((worker) => stage.workers.get(worker) ?? []);
      const ask = (first: number) => {
        const query = new Float32Array(DIMENSIONS).fill(first);
        return answerOf(stage.coordinator(name), { operation: 'top-k', query, matrix, k: 3, start: 0, end: 4 });
      };
      const poisonedAt = new Set<Child>();
      for (const child of running) {
        child.isEnded = true;
        void child.exit.then(() => poisonedAt.add(child));
      }
      const [broken, deadly] = [await ask(54_321), await ask(12_345)];
      for (const answered of [broken, deadly]) {
        if ('bits' in answered) stage.violations.push('a query that no worker survives was answered');
      }
      // A worker that ends may have lost its connection before this process knows of its end.
      await Promise.all(running.map((child) => child.describe()));
      // Two replicas, of one shard.
      if (poisonedAt.size > 2) stage.violations.push(`a query ended ${poisonedAt.size} workers`);
      for (const child of running) child.isEnded = !child.isRunning;
      stage.coordinator(name).release(matrix);
      return nothing;
    },
  },
  'operands do not fit': {
    kinds: ['out-of-memory'],
    begin(stage, random) {
      // The first never fits; of the others each one fits alone.
      const rows = [400_000, 24_000, 24_000, 24_000];
      const asking = rows.map(async (count, i) => {
        const matrix = createMatrix(randomValues(count * DIMENSIONS, random.integer(1000)), { dimensions: DIMENSIONS });
        const query = randomValues(DIMENSIONS, 5);
        const backend = stage.coordinator(COORDINATORS[i % 2]);
        const answered = await answerOf(backend, { operation: 'top-k', query, matrix, k: 3 });
        if (i === 0 && 'bits' in answered) stage.violations.push('an operand larger than all memory was ranked');
        return () => backend.release(matrix);
      });
      return async () => {
        for (const release of await Promise.all(asking)) release();
      };
    },
  },
};

/** With links, and one server. */
export const EVENTS: Readonly<Record<string, ChaosEvent>> = {
  ...EVENTS_OF_PARTIES,
  'a worker has a slow link': {
    isCompanion: true,
    begin(stage, random) {
      const link = someLink(stage, oneOf(random, WORKERS));
      link.set({ delayMs: 5 + random.integer(200) });
      return () => link.set({ delayMs: 0 });
    },
  },
  'a worker is separated': {
    isCompanion: true,
    begin: (stage, random) => separate(stage, oneOf(random, WORKERS), random),
  },
  'a coordinator is separated': {
    begin: (stage, random) => separate(stage, oneOf(random, COORDINATORS), random),
  },
  'the connection of a party breaks': {
    isCompanion: true,
    begin(stage, random) {
      someLink(stage, oneOf(random, [...WORKERS, ...COORDINATORS])).cut();
      return nothing;
    },
  },
  'a worker does not read': {
    isAlone: true,
    async begin(stage, random) {
      const name = oneOf(random, WORKERS);
      const link = someLink(stage, name);
      link.stall('server');
      const noise = await connectNats({ servers: stage.servers[0].url, name: NAME, tls: false });
      const seen = stage.servers[0].log.split('Slow Consumer').length;
      const part = new Uint8Array(60_000);
      for (let i = 0; i < 400 && stage.servers[0].log.split('Slow Consumer').length === seen; i++) {
        if (noise.connected) noise.send(`gearshift.${NAME}.worker.${name}.push`, part);
        await sleep(2);
      }
      await noise.close();
      return () => link.stall('nothing');
    },
  },
  'the server is killed': {
    async begin(stage) {
      await stage.servers[0].kill();
      return () => stage.servers[0].restart();
    },
  },
  'the server hangs': {
    begin(stage) {
      stage.servers[0].suspend();
      return () => stage.servers[0].resume();
    },
  },
  'the server is about to end': {
    begin(stage) {
      stage.servers[0].lameDuck();
      return () => stage.servers[0].restart();
    },
  },
};

/** With three servers. */
export const EVENTS_OF_THREE: Readonly<Record<string, ChaosEvent>> = {
  ...EVENTS_OF_PARTIES,
  'one of three servers is killed': {
    async begin(stage, random) {
      const server = oneOf(random, stage.servers);
      await server.kill();
      return () => server.restart();
    },
  },
  'one of three servers hangs': {
    begin(stage, random) {
      const server = oneOf(random, stage.servers);
      server.suspend();
      return () => server.resume();
    },
  },
  'one of three servers is about to end': {
    begin(stage, random) {
      const server = oneOf(random, stage.servers);
      server.lameDuck();
      return () => server.restart();
    },
  },
};

/** A worker that tells one of the lies. */
export const LYING: Readonly<Record<string, ChaosEvent>> = Object.fromEntries(
  Object.keys(LIES).map((lie) => {
    const event: ChaosEvent = {
      kinds: ['invalid-result'],
      begin(stage, random) {
        const child = someWorker(stage, random);
        child.send({ lie });
        return () => child.send({ lie: null });
      },
    };
    return [`a worker lies: ${lie}`, event];
  }),
);
