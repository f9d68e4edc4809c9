import {
  createTopKOutput,
  prepareCosineSimilarity,
  prepareSpreadActivation,
  prepareTopK,
  unwrap,
  type Backend,
  type OperationRequest,
  type RunErrorKind,
  type TopKOutput,
} from '@gearshift/contracts';

/** An answer as numbers that are compared exactly, or the kind of a failure. */
export type Answered = { readonly bits: Uint32Array } | { readonly kind: RunErrorKind; readonly message: string };

/** Kinds of failures that a query may have whatever happens, if its message can get lost or its worker can end. */
export const KINDS_OF_LOSSES: readonly RunErrorKind[] = ['unreachable', 'timeout', 'stale'];

/** Asks a backend for any operation. */
export async function answerOf(backend: Backend, request: OperationRequest, signal?: AbortSignal): Promise<Answered> {
  switch (request.operation) {
    case 'top-k': {
      const prepared = prepareTopK(request);
      const output = createTopKOutput(prepared);
      const answer = await backend.topK(prepared, output, signal);
      return answer.ok ? { bits: bitsOfRanking(output, prepared.queries) } : answer.error;
    }
    case 'cosine-similarity': {
      const prepared = prepareCosineSimilarity(request);
      const output = new Float32Array(prepared.outputLength);
      const answer = await backend.cosineSimilarity(prepared, output, signal);
      return answer.ok ? { bits: bitsOfScores(output) } : answer.error;
    }
    case 'spread-activation': {
      const prepared = prepareSpreadActivation(request);
      const output = new Float32Array(prepared.outputLength);
      const answer = await backend.spreadActivation(prepared, output, signal);
      return answer.ok ? { bits: bitsOfScores(output) } : answer.error;
    }
  }
}

/** Counts, rows and the bits of scores. */
export function bitsOfRanking({ indices, scores, count, counts }: TopKOutput, queries: number): Uint32Array {
  const entries = queries * count;
  return Uint32Array.from([
    count,
    ...(counts ?? []),
    ...indices.subarray(0, entries),
    ...bitsOfScores(scores.subarray(0, entries)),
  ]);
}

/** Every NaN is the same. */
function bitsOfScores(scores: Float32Array): Uint32Array {
  const copy = scores.map((score) => (Number.isNaN(score) ? NaN : score));
  return new Uint32Array(copy.buffer);
}

/** Where two answers differ; undefined where they do not. */
export function differenceOf(got: Uint32Array, expected: Uint32Array): string | undefined {
  if (got.length !== expected.length) return `${got.length} numbers instead of ${expected.length}`;
  const at = got.findIndex((bits, i) => bits !== expected[i]);
  return at === -1 ? undefined : `number ${at} of ${got.length} is ${got[at]} instead of ${expected[at]}`;
}

/** Right answers, from one backend that cannot fail. Those to the same question about the same version are computed once. */
export class RightAnswers {
  readonly #backend: Backend;
  readonly #known = new Map<string, Promise<Uint32Array>>();

  constructor(backend: Backend) {
    this.#backend = backend;
  }

  /** @param name of the question and the version; one that is used again must mean the same request */
  to(name: string, request: OperationRequest): Promise<Uint32Array> {
    let known = this.#known.get(name);
    if (known === undefined) {
      known = this.#compute(request);
      this.#known.set(name, known);
      // Of old versions, which nothing asks for any more.
      if (this.#known.size > MOST_KNOWN)
        for (const oldest of this.#known.keys()) {
          this.#known.delete(oldest);
          break;
        }
    }
    return known;
  }

  async #compute(request: OperationRequest): Promise<Uint32Array> {
    const answered = await answerOf(this.#backend, request);
    if ('bits' in answered) return answered.bits;
    return unwrap({ ok: false, error: { ...answered, backend: this.#backend.id } });
  }
}

const MOST_KNOWN = 2000;
