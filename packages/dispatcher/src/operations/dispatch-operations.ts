import type { OperationName, OperationRequest, PreparedRequest, Work } from '@gearshift/contracts';
import { operationOf, type OperationOutput } from '@gearshift/contracts/internal';
import { cosineSimilarityDispatch } from './cosine-similarity.js';
import type { DispatchOperation } from './dispatch-operation.js';
import { spreadActivationDispatch } from './spread-activation.js';
import { topKDispatch } from './top-k.js';

/** An operation in code that handles all operations: see `AnyOperation` of the contracts. */
export type AnyDispatchOperation = DispatchOperation<OperationRequest, PreparedRequest, OperationOutput>;

const OPERATIONS: readonly AnyDispatchOperation[] = [cosineSimilarityDispatch, topKDispatch, spreadActivationDispatch];
const BY_NAME: ReadonlyMap<OperationName, AnyDispatchOperation> = new Map(
  OPERATIONS.map((operation) => [operation.name, operation]),
);

/** @throws TypeError or RangeError when the request is not an object, or names an unknown operation. */
export function dispatchOperationOf(request: { readonly operation: OperationName }): AnyDispatchOperation {
  return BY_NAME.get(request?.operation) ?? refuse(request);
}

function refuse(request: { readonly operation: OperationName }): never {
  const { name } = operationOf(request);
  throw new RangeError(`operation: expected one that the dispatcher supports, got '${name}'`);
}

/** Describes a checked request. */
export function describeWork(request: PreparedRequest): Work {
  return dispatchOperationOf(request).describeWork(request);
}
