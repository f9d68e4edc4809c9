import { expected, requireAwaited } from '../arguments.js';
import { cosineSimilarity, type CosineSimilarityRequest, type PreparedCosineSimilarity } from './cosine-similarity.js';
import { OPERATIONS, type Operation, type OperationName } from './operation.js';
import { spreadActivation, type PreparedSpreadActivation, type SpreadActivationRequest } from './spread-activation.js';
import { topK, type PreparedTopK, type TopKOutput, type TopKRequest } from './top-k.js';

export type OperationRequest = CosineSimilarityRequest | TopKRequest | SpreadActivationRequest;
export type PreparedRequest = PreparedCosineSimilarity | PreparedTopK | PreparedSpreadActivation;
export type OperationOutput = Float32Array | TopKOutput;

/**
 * An operation in code that handles all operations: it accepts any request and any output. The compiler cannot check that a
 * request, its operation and its output belong together; this is the only place with such a cast.
 */
export type AnyOperation = Operation<OperationRequest, PreparedRequest, OperationOutput>;

const BY_NAME: ReadonlyMap<unknown, AnyOperation> = new Map(
  [cosineSimilarity, topK, spreadActivation].map((operation: AnyOperation) => [operation.name, operation]),
);

/** @throws TypeError or RangeError when the request is not an object, or names an unknown operation. */
export function operationOf(request: { readonly operation: OperationName }): AnyOperation {
  requireAwaited('request', request);
  const { operation: name } = request;
  const operation = BY_NAME.get(name);
  if (operation === undefined) {
    const last = OPERATIONS.at(-1) ?? '';
    throw new RangeError(expected('operation', `${OPERATIONS.slice(0, -1).join(', ')} or ${last}`, name));
  }
  return operation;
}

/** Prepares any of the known operations. */
export function prepareRequest(request: OperationRequest): PreparedRequest {
  return operationOf(request).prepare(request);
}

/** Checks that `output` has exactly the elements the request writes and shares no memory with an input. */
export function requireOutput(
  request: PreparedCosineSimilarity | PreparedSpreadActivation,
  output: Float32Array,
): Float32Array {
  operationOf(request).requireOutput(request, output);
  return output;
}
