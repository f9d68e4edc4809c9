import type { Backend, OperationRequest } from '@gearshift/contracts';

/** A backend that does something before each request: it may wait, or throw. */
export function withHook(
  backend: Backend,
  before: (request: OperationRequest, signal: AbortSignal | undefined) => Promise<void>,
): Backend {
  return {
    id: backend.id,
    kind: backend.kind,
    dtypes: backend.dtypes,
    describe: () => backend.describe(),
    memory: () => backend.memory(),
    supports: (request) => backend.supports(request),
    release: (operand) => backend.release?.(operand),
    async topK(request, output, signal) {
      await before(request, signal);
      return backend.topK(request, output, signal);
    },
    async cosineSimilarity(request, output, signal) {
      await before(request, signal);
      return backend.cosineSimilarity(request, output, signal);
    },
    async spreadActivation(request, output, signal) {
      await before(request, signal);
      return backend.spreadActivation(request, output, signal);
    },
    close: async () => {},
  };
}
