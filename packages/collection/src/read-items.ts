import { types } from 'node:util';
import { expected, optionNames, readOptions } from '@gearshift/contracts/internal';
import { requireId, type CollectionId } from './collection-id.js';
import { frozenJson, type JsonObject } from './json.js';

/** A vector with its id, and what is known about it. */
export interface CollectionItem<Metadata extends object = JsonObject> {
  readonly id: CollectionId;
  readonly vector: Float32Array | readonly number[];
  /** A plain JSON object. Default `{}`. */
  readonly metadata?: Metadata | undefined;
}

/** What a collection keeps of an item beside its vector. Replaced as a whole, never changed. */
export interface StoredItem {
  readonly id: CollectionId;
  readonly metadata: JsonObject;
}

/** Checked items, with one vector after the other in `values`. */
export interface ItemBatch {
  readonly items: readonly StoredItem[];
  readonly values: Float32Array;
}

const ITEM_FIELDS = optionNames<CollectionItem>({ id: true, vector: true, metadata: true });
const NO_METADATA: JsonObject = Object.freeze({});

/**
 * Checks and copies items, so that the caller may change them afterwards. Of several items with one id, only the last is kept.
 *
 * @throws TypeError or RangeError that names the item
 */
export function readItems(given: unknown, dimensions: number): ItemBatch {
  const list = Array.isArray(given) ? (given as readonly unknown[]) : [given];
  const values = new Float32Array(list.length * dimensions);
  const places = new Map<CollectionId, number>();
  const items: StoredItem[] = [];
  for (let i = 0; i < list.length; i++) {
    const name = Array.isArray(given) ? `items[${i}]` : 'item';
    const fields = readOptions(name, list[i] as CollectionItem, ITEM_FIELDS);
    const id = requireId(`${name}.id`, fields.id);
    const place = places.get(id) ?? items.length;
    copyVector(`${name}.vector`, fields.vector, values.subarray(place * dimensions, (place + 1) * dimensions));
    const { metadata } = fields;
    places.set(id, place);
    items[place] = {
      id,
      metadata: metadata === undefined ? NO_METADATA : frozenJson(`${name}.metadata`, metadata),
    };
  }
  return { items, values: values.subarray(0, items.length * dimensions) };
}

/** Copies a vector to `target`, which is as long as it has to be. */
export function copyVector(name: string, vector: unknown, target: Float32Array): void {
  if (!types.isFloat32Array(vector) && !Array.isArray(vector)) {
    throw new TypeError(expected(name, 'a Float32Array or an array of numbers', vector));
  }
  if (vector.length !== target.length) {
    throw new RangeError(
      `${name}: expected ${target.length} elements, the dimensions of the collection, got ${vector.length}`,
    );
  }
  for (let i = 0; i < target.length; i++) {
    const value: unknown = vector[i];
    if (typeof value !== 'number') throw new TypeError(expected(`${name}[${i}]`, 'a number', value));
    target[i] = value;
    // Also what is finite only in double precision.
    if (!Number.isFinite(target[i])) throw new RangeError(expected(`${name}[${i}]`, 'a finite float32 number', value));
  }
}
