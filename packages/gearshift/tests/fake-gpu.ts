import { createPortableBackend } from '@gearshift/backend-cpu';
import {
  err,
  unwrap,
  type Backend,
  type BackendError,
  type BackendErrorKind,
  type PhaseTimes,
  type Result,
} from '@gearshift/contracts';

type Answer = Result<PhaseTimes, BackendError>;

export interface FakeGpu extends Backend {
  /** What it did, in order. */
  readonly log: string[];
}

/** A GPU that computes in plain TypeScript, or fails every request with `failure`. */
export async function fakeGpu(failure?: BackendErrorKind, id = 'fake:0'): Promise<FakeGpu> {
  const portable = unwrap(await createPortableBackend());
  const log: string[] = [];
  const act = async (name: string, answer: () => Promise<Answer>): Promise<Answer> => {
    log.push(name);
    return failure === undefined ? answer() : failed(failure);
  };
  const failed = (kind: BackendErrorKind) => err({ kind, message: `scripted ${kind}`, backend: id });
  return {
    id,
    kind: 'gpu',
    log,
    describe: () => ({ ...portable.describe(), id, kind: 'gpu', device: 'a fake' }),
    memory: () => portable.memory(),
    supports: () => true,
    release: ({ id: operand }) => void log.push(`release ${operand}`),
    cosineSimilarity: (request, output, signal) =>
      act(request.operation, () => portable.cosineSimilarity(request, output, signal)),
    topK: (request, output, signal) => act(request.operation, () => portable.topK(request, output, signal)),
    spreadActivation: (request, output, signal) =>
      act(request.operation, () => portable.spreadActivation(request, output, signal)),
    close: async () => void log.push('close'),
  };
}
