import { Embeddings } from '@langchain/core/embeddings';
import { createExecutor, type Executor } from 'gearshift';
import { afterAll } from 'vitest';

export async function openExecutor(): Promise<Executor> {
  const executor = await createExecutor({ backends: ['cpu'] });
  afterAll(() => executor.close());
  return executor;
}

const DIMENSIONS = 26;

/** Counts letters: texts with the same letters are near each other. */
export class LetterEmbeddings extends Embeddings {
  constructor() {
    super({});
  }

  async embedQuery(text: string): Promise<number[]> {
    const vector = Array<number>(DIMENSIONS).fill(0);
    for (const letter of text.toLowerCase()) {
      const place = letter.charCodeAt(0) - 97;
      if (place >= 0 && place < DIMENSIONS) vector[place] += 1;
    }
    return vector;
  }

  async embedDocuments(texts: string[]): Promise<number[][]> {
    return Promise.all(texts.map((text) => this.embedQuery(text)));
  }
}
