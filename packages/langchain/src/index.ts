export {
  GearshiftVectorStore,
  type GearshiftStoreConfig,
  type DocumentFilter,
  type DocumentPredicate,
} from './gearshift-vector-store.js';
