import type { Filter } from '@gearshift/collection';

/** Operators with filters in a list. */
const LISTS = ['$and', '$or', '$nor'];

/** A filter on the metadata of documents as one on what the collection keeps of them. */
export function onDocuments(filter: Filter): Filter {
  if (!isObject(filter)) return filter;
  return Object.fromEntries(
    Object.entries(filter).map(([name, value]) => {
      if (!name.startsWith('$')) return [`metadata.${name}`, value];
      const isList = LISTS.includes(name) && Array.isArray(value);
      return [name, isList ? value.map((part: unknown) => (isObject(part) ? onDocuments(part) : part)) : value];
    }),
  );
}

function isObject(value: unknown): value is Filter {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
