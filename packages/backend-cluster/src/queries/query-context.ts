import type { BackendFailures } from '@gearshift/native-kit';
import type { Clock } from '../clock.js';
import type { WorkerDirectory } from '../placement/worker-directory.js';
import type { Subjects } from '../subjects.js';
import type { ClusterTransport } from '../transport/transport.js';

/** What all queries of a backend share. */
export interface QueryContext {
  readonly backend: string;
  readonly transport: ClusterTransport;
  readonly subjects: Subjects;
  readonly directory: WorkerDirectory;
  readonly failures: BackendFailures;
  readonly clock: Clock;
  readonly replicas: number;
  /** A query that has no answer by then fails. */
  readonly timeoutMs: number;
  /** A shard is not asked again before. */
  readonly hedgeFloorMs: number;
  /** The delay for as long as the latencies of a shard are not known. */
  readonly hedgeStartMs: number;
  /** Rows are pushed no faster. */
  readonly pushBytesPerSecond: number;
  /** Copies that were lost are made again after so long. */
  readonly repairAfterMs: number;
  /** A new id for a query. */
  readonly nextId: () => number;
}
