import { isError } from '@gearshift/contracts/internal';
import sift from 'sift';
import type { JsonObject } from '../json.js';

export type MetadataTest = (metadata: JsonObject) => boolean;

/** A CommonJS module with the function as its exports, which its types do not tell. */
const createTest = sift as unknown as (filter: unknown) => MetadataTest;

/**
 * @param text from `canonicalFilter`
 * @throws TypeError for a wrong use of an operator
 */
export function compileFilter(name: string, text: string): MetadataTest {
  try {
    return createTest(JSON.parse(text));
  } catch (error) {
    const reason = isError(error, 'Error') ? error.message : String(error);
    throw new TypeError(`${name}: expected a filter with operators in their places, got ${text}: ${reason}`, {
      cause: error,
    });
  }
}
