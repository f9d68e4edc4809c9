export type { Collection, FoundItem, Match } from './collection.js';
export type { CollectionExecutor, CollectionMatrix, LimitOptions, MatrixHints } from './collection-executor.js';
export type { CollectionId } from './collection-id.js';
export { createCollection, type CollectionOptions, type MemoryOptions } from './create-collection.js';
export { FILTER_OPERATORS, type Filter, type ItemPredicate } from './filter/filter.js';
export type { JsonObject, JsonValue } from './json.js';
export type { CollectionItem } from './read-items.js';
export type { QueryOptions, VectorQuery, VectorsQuery } from './read-query.js';
