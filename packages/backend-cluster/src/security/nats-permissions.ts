import { expected, requireInteger } from '@gearshift/contracts/internal';
import { requireToken } from '../subjects.js';
import { inboxOf } from '../transport/nats/nats-options.js';

export interface WorkerParty {
  /** The worker's name in the cluster. */
  readonly name: string;
  /** The public half of its nkey, which begins with `U`. */
  readonly publicKey: string;
  /** The shards that it may answer for; all by default, because placement moves them between workers. */
  readonly shards?: readonly number[] | undefined;
}

export interface NatsPermissionsOptions {
  /** The name of the Gearshift cluster. */
  readonly name: string;
  /** The public keys of the processes that place, load and query. */
  readonly coordinators: readonly string[];
  readonly workers: readonly WorkerParty[];
  /** The most shards of one matrix that a worker holds: it answers a query for each of them. Default 64. */
  readonly mostShardsPerWorker?: number | undefined;
}

const MOST_SHARDS_PER_WORKER = 64;

/** A worker may answer this long after it was asked. Loading a shard takes longest. */
const ANSWER_TIME = '10m';
/** A coordinator answers at once. */
const HAND_OVER_TIME = '10s';
/** Several backends may share a connection, and each of them answers. */
const MOST_BACKENDS = 16;

/**
 * The `authorization` block of a NATS server for one cluster: one nkey for each party, and lists of what each one may do. Everything
 * else is refused.
 *
 * - A coordinator sends queries and orders to workers, and reads announcements and the answers at its own inbox. It answers a worker that
 *   asks whether it may leave.
 * - A worker reads what is sent to it by name, and queries as a member of a queue group for a shard. It sends announcements under its
 *   own name, reads answers to them at its own inbox, and answers messages that it was sent: at most one for each shard.
 *
 * @returns text for the configuration file of the server, without secrets
 */
export function natsPermissions(options: NatsPermissionsOptions): string {
  const { name, coordinators, workers, mostShardsPerWorker = MOST_SHARDS_PER_WORKER } = options;
  requireToken('name', name);
  requireInteger('mostShardsPerWorker', mostShardsPerWorker, 1);
  const users = [
    ...coordinators.map((key, index) => describeCoordinator(name, requireKey(`coordinators[${index}]`, key))),
    ...workers.map((worker, index) => describeWorker(name, worker, mostShardsPerWorker, `workers[${index}]`)),
  ];
  requireDifferent('public key', [...coordinators, ...workers.map(({ publicKey }) => publicKey)]);
  requireDifferent(
    'worker',
    workers.map((worker) => worker.name),
  );
  return ['authorization {', '  users: [', ...users, '  ]', '}', ''].join('\n');
}

function describeCoordinator(name: string, key: string): string {
  const subject = `gearshift.${name}`;
  const orders = ['query', 'load', 'push', 'drop', 'cancel'].map((order) => `${subject}.worker.*.${order}`);
  return describeUser(key, {
    publish: [`${subject}.who`, `${subject}.query.*.*`, ...orders],
    subscribe: [`${subject}.state.*`, `${inboxOf(name, key)}.>`],
    responses: `{ max: ${MOST_BACKENDS}, expires: "${HAND_OVER_TIME}" }`,
  });
}

function describeWorker(
  name: string,
  { name: given, publicKey, shards }: WorkerParty,
  mostAnswers: number,
  argument: string,
): string {
  const worker = requireToken(`${argument}.name`, given);
  const key = requireKey(`${argument}.publicKey`, publicKey);
  const subject = `gearshift.${name}`;
  const queues = shards?.map((shard, index) => `shard-${requireShard(`${argument}.shards[${index}]`, shard)}`) ?? ['*'];
  return describeUser(key, {
    publish: [`${subject}.state.${worker}`],
    // With a queue after the subject, a subscription outside of queue groups is refused.
    subscribe: [
      `${subject}.who`,
      `${subject}.worker.${worker}.*`,
      `${inboxOf(name, key)}.>`,
      ...queues.map((queue) => `${subject}.query.*.* ${queue}`),
    ],
    // One broadcast reaches a worker once for each of its shards, and all answers go to the same subject.
    responses: `{ max: ${mostAnswers}, expires: "${ANSWER_TIME}" }`,
  });
}

interface Allowed {
  readonly publish: readonly string[];
  readonly subscribe: readonly string[];
  readonly responses?: string;
}

function describeUser(key: string, { publish, subscribe, responses }: Allowed): string {
  const list = (subjects: readonly string[]): string => `[${subjects.map((one) => JSON.stringify(one)).join(', ')}]`;
  return [
    '    {',
    `      nkey: ${key}`,
    '      permissions: {',
    `        publish: { allow: ${list(publish)} }`,
    `        subscribe: { allow: ${list(subscribe)} }`,
    ...(responses === undefined ? [] : [`        allow_responses: ${responses}`]),
    '      }',
    '    }',
  ].join('\n');
}

function requireKey(argument: string, key: unknown): string {
  if (typeof key === 'string' && /^U[A-Z2-7]{55}$/.test(key)) return key;
  // A seed that was passed by mistake is not printed.
  throw new TypeError(`${argument}: expected the public key of a user's nkey, 56 letters and digits that begin with U`);
}

function requireShard(argument: string, shard: unknown): number {
  if (typeof shard === 'number' && Number.isInteger(shard) && shard >= 0) return shard;
  throw new RangeError(expected(argument, 'the number of a shard', shard));
}

function requireDifferent(what: string, names: readonly string[]): void {
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) throw new RangeError(`the ${what} ${twice} is listed twice`);
}
