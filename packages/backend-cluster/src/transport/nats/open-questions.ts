import { TransportError, type AskOptions, type TransportErrorReason } from '../transport.js';

/** The longest that a timer of Node can wait. */
const LONGEST_MS = 2 ** 31 - 1;

interface OpenQuestion {
  readonly subject: string;
  onAnswer(data: Uint8Array): void;
  fail(error: TransportError): void;
}

/** The questions that wait for answers, each with a token that its answers carry. */
export class OpenQuestions {
  readonly #open = new Map<string, OpenQuestion>();
  #count = 0;

  get size(): number {
    return this.#open.size;
  }

  /**
   * @param publish sends the question; what it throws is what the promise rejects with
   * @param onAnswer whether this answer was the last one needed
   */
  ask(
    subject: string,
    { timeoutMs, signal }: AskOptions,
    publish: (token: string) => void,
    onAnswer: (data: Uint8Array) => boolean,
  ): Promise<void> {
    if (signal?.aborted === true) return Promise.reject(aborted(subject));
    return new Promise<void>((resolve, reject) => {
      const token = (this.#count++).toString(36);
      const end = (): void => {
        this.#open.delete(token);
        clearTimeout(timer);
        signal?.removeEventListener('abort', onAbort);
      };
      const fail = (error: Error): void => {
        end();
        reject(error);
      };
      const onAbort = (): void => fail(aborted(subject));
      const timer = setTimeout(
        () => fail(new TransportError('timeout', `no answer at ${subject} within ${timeoutMs} ms`)),
        Math.min(timeoutMs, LONGEST_MS),
      );
      signal?.addEventListener('abort', onAbort);
      this.#open.set(token, {
        subject,
        fail,
        onAnswer(data) {
          try {
            if (!onAnswer(data)) return;
          } catch (error) {
            fail(error as Error);
            return;
          }
          end();
          resolve();
        },
      });
      try {
        publish(token);
      } catch (error) {
        fail(error as Error);
      }
    });
  }

  /** An answer that comes after the question has ended is ignored. */
  answer(token: string, data: Uint8Array): void {
    this.#open.get(token)?.onAnswer(data);
  }

  failWithoutReceiver(token: string): void {
    const question = this.#open.get(token);
    question?.fail(new TransportError('no-receiver', `no receiver at ${question.subject}`));
  }

  /** Ends all questions, or those at one subject. */
  failAll(reason: TransportErrorReason, message: string, subject?: string): void {
    for (const question of [...this.#open.values()]) {
      if (subject === undefined || subject === question.subject) question.fail(new TransportError(reason, message));
    }
  }
}

function aborted(subject: string): TransportError {
  return new TransportError('aborted', `the question at ${subject} was aborted`);
}
