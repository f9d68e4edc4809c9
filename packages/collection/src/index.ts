export type { Collection, FoundItem, Match, SaveOptions } from './collection.js';
export type {
  CollectionExecutor,
  CollectionMatrix,
  LimitOptions,
  MatrixHints,
  PlacingExecutor,
} from './collection-executor.js';
export type { CollectionId } from './collection-id.js';
export { createCollection, type CollectionOptions, type MemoryOptions } from './create-collection.js';
export { FILTER_OPERATORS, type Filter, type ItemPredicate } from './filter/filter.js';
export { CollectionFileError, type CollectionFileErrorKind } from './folder/collection-file-error.js';
export type { JsonObject, JsonValue } from './json.js';
export { placeCollection, type PlaceCollectionOptions } from './place-collection.js';
export { openCollection, type OpenOptions } from './open-collection.js';
export type { CollectionItem } from './read-items.js';
export type { QueryOptions, VectorQuery, VectorsQuery } from './read-query.js';
