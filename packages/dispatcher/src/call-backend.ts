import type { Backend, PreparedRequest, SyncBackend, TopKOutput } from '@gearshift/contracts';
import type { BackendAnswer } from './attempts/check-answer.js';

/*
 * A request and its output belong together: the dispatcher made or checked the output for this very request, which the
 * compiler cannot see. Hence the casts, here and nowhere else.
 */

/** Calls the method of the request's operation. */
export function callBackend(
  backend: Backend,
  request: PreparedRequest,
  output: Float32Array | TopKOutput,
  signal: AbortSignal | undefined,
): Promise<BackendAnswer> {
  switch (request.operation) {
    case 'cosine-similarity':
      return backend.cosineSimilarity(request, output as Float32Array, signal);
    case 'top-k':
      return backend.topK(request, output as TopKOutput, signal);
    case 'spread-activation':
      return backend.spreadActivation(request, output as Float32Array, signal);
  }
}

/** Calls the method of the request's operation that answers at once. */
export function callBackendSync(
  backend: SyncBackend,
  request: PreparedRequest,
  output: Float32Array | TopKOutput,
): BackendAnswer {
  switch (request.operation) {
    case 'cosine-similarity':
      return backend.cosineSimilaritySync(request, output as Float32Array);
    case 'top-k':
      return backend.topKSync(request, output as TopKOutput);
    case 'spread-activation':
      return backend.spreadActivationSync(request, output as Float32Array);
  }
}
