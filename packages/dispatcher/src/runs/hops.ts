import { prepareSpreadActivation, type PreparedRequest } from '@gearshift/contracts';
import type { Job } from '../attempts/job.js';
import { describeWork } from '../describe-work.js';

/** How many stages a request has that cannot be cut as one; 1 for most. */
export function hopsOf(request: PreparedRequest): number {
  return request.operation === 'spread-activation' ? request.hops : 1;
}

/**
 * One hop of a request with several.
 *
 * @param activations of the hop before; undefined for the first.
 */
export function hopRequest(job: Job, activations: Float32Array | undefined, isLast: boolean): Job {
  const whole = job.request as Extract<PreparedRequest, { operation: 'spread-activation' }>;
  const { operation, graph, decay, retention, threshold } = whole;
  const given = activations ?? whole.activations;
  const request = prepareSpreadActivation({ operation, graph, activations: given, hops: 1, decay, retention, threshold });
  const output = isLast ? job.output : new Float32Array(graph.nodes);
  return { request, output, ownsOutput: false, work: describeWork(request), signal: job.signal };
}

/** The answer of a request without a hop. */
export function copyActivations({ request, output }: Job): void {
  if (request.operation === 'spread-activation') (output as Float32Array).set(request.activations);
}
