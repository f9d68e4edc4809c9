import { createMatrix, markChanged, type OperationRequest } from '@gearshift/contracts';
import { StoredMatrix } from '@gearshift/storage';
import { powerLawGraph, randomValues, type SeededRandom } from '@gearshift/testing';
import { QUESTIONS, questionsAbout, questionsAboutGraph, valuesWithTies } from './questions.js';

/** A question about one version of an operand. */
export interface Question {
  /** The same name for the same question about the same version. */
  readonly name: string;
  readonly request: OperationRequest;
  /** Lets the version go. */
  readonly end: () => void;
}

const nothing = (): void => {};
const ROWS = 600;

/** Operands of this process: some stay as they are, one has versions that are kept while they are asked about. */
export class Operands implements AsyncDisposable {
  readonly #fixed: readonly Question[];
  readonly #stored: StoredMatrix;
  readonly #dimensions: number;

  constructor(dimensions: number) {
    this.#dimensions = dimensions;
    const floats = createMatrix(valuesWithTies(ROWS, dimensions, 1), { dimensions });
    const bytes = new Int8Array(400 * dimensions);
    for (const [i, value] of randomValues(bytes.length, 2).entries()) bytes[i] = Math.round(40 * value);
    const integers = createMatrix(bytes, { dimensions, dtype: 'int8', scale: 0.02 });
    const graph = powerLawGraph({ nodes: 500, edgesPerNode: 4, seed: 3 });
    this.#fixed = [
      ...questionsAbout(floats).map((request, i) => ({ name: `float32 ${i}`, request, end: nothing })),
      ...questionsAbout(integers).map((request, i) => ({ name: `int8 ${i}`, request, end: nothing })),
      ...questionsAboutGraph(graph).map((request, i) => ({ name: `graph ${i}`, request, end: nothing })),
    ];
    const values = valuesWithTies(ROWS, dimensions, 4);
    this.#stored = StoredMatrix.create(ROWS, { dimensions }, (target) => target.set(values));
  }

  draw(random: SeededRandom): Question {
    if (random.integer(3) > 0) return this.#fixed[random.integer(this.#fixed.length)];
    const pinned = this.#stored.pin();
    const i = random.integer(QUESTIONS.length);
    return {
      name: `stored ${pinned.version} ${i}`,
      request: QUESTIONS[i](pinned),
      end: () => pinned[Symbol.dispose](),
    };
  }

  /** Every question about what does not change. */
  get fixed(): readonly Question[] {
    return this.#fixed;
  }

  /** Makes a new version of the stored matrix. */
  async change(random: SeededRandom): Promise<void> {
    const stored = this.#stored;
    const row = (count: number) => randomValues(count * this.#dimensions, random.integer(2 ** 30));
    const kind = stored.rows > 2 * ROWS ? 0 : random.integer(3);
    if (kind === 0) await stored.update(random.integer(ROWS), row(1));
    else if (kind === 1) await stored.append(row(1 + random.integer(5)));
    else await stored.remove([random.integer(stored.rows)]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stored[Symbol.asyncDispose]();
  }
}

/** A matrix with rows that one asker alone replaces, between its questions. */
export class OwnMatrix {
  readonly #matrix;

  constructor(dimensions: number, seed: number) {
    this.#matrix = createMatrix(valuesWithTies(300, dimensions, seed), { dimensions });
  }

  draw(random: SeededRandom): Question {
    const matrix = this.#matrix;
    if (random.integer(10) === 0) {
      matrix.values.set(valuesWithTies(matrix.rows, matrix.dimensions, random.integer(2 ** 30)));
      markChanged(matrix);
    }
    const i = random.integer(QUESTIONS.length);
    return { name: `own ${matrix.id} ${matrix.version} ${i}`, request: QUESTIONS[i](matrix), end: nothing };
  }
}
