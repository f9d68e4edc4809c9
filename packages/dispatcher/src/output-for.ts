import {
  createTopKOutput,
  requireOutput,
  requireTopKOutput,
  type PreparedRequest,
  type TopKOutput,
} from '@gearshift/contracts';

/** The caller's output once it was checked against the request, or a fresh one of the right size. */
export function outputFor(
  request: PreparedRequest,
  output: Float32Array | TopKOutput | undefined,
): Float32Array | TopKOutput {
  // The casts believe nothing: what they let through is checked by the very next call.
  if (request.operation === 'top-k') {
    return output === undefined ? createTopKOutput(request) : requireTopKOutput(request, output as TopKOutput);
  }
  return output === undefined ? new Float32Array(request.outputLength) : requireOutput(request, output as Float32Array);
}
