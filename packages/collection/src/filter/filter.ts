import type { CollectionId } from '../collection-id.js';
import type { JsonObject } from '../json.js';

/**
 * Conditions on metadata in the form of a MongoDB query, as plain JSON: `{ tenant: 'acme', year: { $gte: 2020 } }`.
 * Names with dots reach into objects. {@link FILTER_OPERATORS} lists the operators.
 */
export type Filter = Readonly<Record<string, unknown>>;

/** Chooses items by their metadata, which is frozen, and their id. */
export type ItemPredicate<Metadata extends object = JsonObject> = (
  metadata: Readonly<Metadata>,
  id: CollectionId,
) => boolean;

/** The operators of MongoDB that a {@link Filter} may contain. */
export const FILTER_OPERATORS = [
  ...['$eq', '$ne', '$gt', '$gte', '$lt', '$lte', '$in', '$nin', '$and', '$or', '$nor', '$not'],
  ...['$exists', '$type', '$all', '$elemMatch', '$size', '$mod', '$regex', '$options'],
] as const;
