import { randomUUID } from 'node:crypto';
import {
  createCollection,
  openCollection,
  type Collection,
  type CollectionExecutor,
  type CollectionId,
  type CollectionOptions,
  type Filter,
  type ItemPredicate,
  type JsonObject,
  type Match,
  type OpenOptions,
} from '@gearshift/collection';
import { expected, requireInteger } from '@gearshift/contracts/internal';
import { Document, type DocumentInterface } from '@langchain/core/documents';
import type { EmbeddingsInterface } from '@langchain/core/embeddings';
import { maximalMarginalRelevance } from '@langchain/core/utils/math';
import { SaveableVectorStore, type MaxMarginalRelevanceSearchOptions } from '@langchain/core/vectorstores';
import { onDocuments } from './on-documents.js';

/** Chooses documents by code. Their metadata is frozen. */
export type DocumentPredicate = (document: Document) => boolean;
/** A condition on the metadata of documents in the form of a MongoDB query, or a predicate. */
export type DocumentFilter = Filter | DocumentPredicate;

/** How a store is made; with a collection, the other options are those of the collection. */
export type GearshiftStoreConfig = Partial<CollectionOptions> & {
  /** An executor of `createExecutor()`, which stays open when the store is disposed. */
  readonly executor: CollectionExecutor;
};

/** What the collection keeps of a document beside its vector and its id. */
interface StoredDocument {
  readonly pageContent: string;
  readonly metadata: JsonObject;
}

const DEFAULT_FETCH_K = 20;

/**
 * A vector store of LangChain.js on a Gearshift executor: exact search on the CPU or the GPU, filters, deletion, folders.
 *
 * Metadata of documents is plain JSON. The vectors are as long as those of the first document, unless `dimensions` says how
 * long they are.
 *
 * @example
 * const store = await GearshiftVectorStore.fromTexts(texts, metadatas, embeddings, { executor });
 * const documents = await store.similaritySearch('a question', 4, { tenant: 'acme' });
 */
export class GearshiftVectorStore extends SaveableVectorStore implements AsyncDisposable {
  declare FilterType: DocumentFilter;
  readonly #executor: CollectionExecutor;
  readonly #options: Partial<CollectionOptions>;
  #collection: Promise<Collection<StoredDocument>> | undefined;

  constructor(embeddings: EmbeddingsInterface, config: GearshiftStoreConfig) {
    super(embeddings, {});
    const { executor, ...options } = config ?? { executor: undefined };
    requireExecutor(executor);
    this.#executor = executor;
    this.#options = options;
  }

  override _vectorstoreType(): string {
    return 'gearshift';
  }

  /** Embeds texts and adds them, with one metadata for each, or one for all. */
  static override async fromTexts(
    texts: string[],
    metadatas: object[] | object,
    embeddings: EmbeddingsInterface,
    config: GearshiftStoreConfig,
  ): Promise<GearshiftVectorStore> {
    const documents = texts.map((pageContent, i) => {
      const metadata: unknown = Array.isArray(metadatas) ? metadatas[i] : metadatas;
      return new Document({ pageContent, metadata: (metadata ?? {}) as Record<string, unknown> });
    });
    return this.fromDocuments(documents, embeddings, config);
  }

  static override async fromDocuments(
    documents: DocumentInterface[],
    embeddings: EmbeddingsInterface,
    config: GearshiftStoreConfig,
  ): Promise<GearshiftVectorStore> {
    const store = new GearshiftVectorStore(embeddings, config);
    await store.addDocuments(documents);
    return store;
  }

  /**
   * Opens a store that {@link save} saved in a folder. It can be changed, unless `writable` is false.
   *
   * @param config required, although LangChain's class has only two parameters
   */
  static override async load(
    folder: string,
    embeddings: EmbeddingsInterface,
    config?: OpenOptions & Pick<GearshiftStoreConfig, 'executor'>,
  ): Promise<GearshiftVectorStore> {
    const { executor, ...options } = config ?? { executor: undefined };
    requireExecutor(executor);
    const store = new GearshiftVectorStore(embeddings, { executor });
    const collection = await openCollection<StoredDocument>(executor, folder, { writable: true, ...options });
    store.#collection = Promise.resolve(collection);
    return store;
  }

  /**
   * Embeds documents and adds them. A document replaces the one with the same id; without ids, documents get random ones.
   *
   * @returns the ids
   */
  override async addDocuments(documents: DocumentInterface[], options?: { ids?: string[] }): Promise<string[]> {
    const vectors = await this.embeddings.embedDocuments(documents.map(({ pageContent }) => pageContent));
    return this.addVectors(vectors, documents, options);
  }

  /** Adds documents with their vectors, as {@link addDocuments} does. */
  override async addVectors(
    vectors: number[][],
    documents: DocumentInterface[],
    options?: { ids?: string[] },
  ): Promise<string[]> {
    requireLength('vectors', vectors, documents.length);
    const given = options?.ids;
    if (given !== undefined) requireLength('ids', given, documents.length);
    const ids = documents.map(({ id }, i) => requireText(`ids[${i}]`, given?.[i] ?? id ?? randomUUID()));
    if (documents.length === 0) return ids;
    const collection = await this.#collectionFor(vectors);
    await collection.upsert(
      documents.map(({ pageContent, metadata }, i) => ({
        id: ids[i],
        vector: vectors[i],
        metadata: { pageContent, metadata: (metadata ?? {}) as JsonObject },
      })),
    );
    return ids;
  }

  /** Deletes the documents with these ids. Ids that are not there are ignored. */
  override async delete(params: { ids: string[] }): Promise<void> {
    if (!Array.isArray(params?.ids)) throw new TypeError(expected('ids', 'an array of ids', params?.ids));
    const ids = params.ids.map((id, i) => requireText(`ids[${i}]`, id));
    const collection = await this.#collection;
    await collection?.delete(ids);
  }

  /** The `k` nearest documents, each with its score, best first. */
  override async similaritySearchVectorWithScore(
    query: number[],
    k: number,
    filter?: this['FilterType'],
  ): Promise<[Document, number][]> {
    const matches = await this.#search(query, k, filter, false);
    return matches.map((match) => [toDocument(match.id, match.metadata), match.score]);
  }

  /** Of the `fetchK` (default 20) nearest documents, the `k` that are near but differ from each other. */
  override async maxMarginalRelevanceSearch(
    query: string,
    options: MaxMarginalRelevanceSearchOptions<this['FilterType']>,
  ): Promise<Document[]> {
    const { k, fetchK = DEFAULT_FETCH_K, lambda, filter } = options;
    const vector = await this.embeddings.embedQuery(query);
    const matches = await this.#search(vector, Math.max(fetchK, k), filter, true);
    const vectors = matches.map((match) => Array.from(match.vector ?? []));
    return maximalMarginalRelevance(vector, vectors, lambda, k).map((place) => {
      const { id, metadata } = matches[place];
      return toDocument(id, metadata);
    });
  }

  /** The documents with these ids; those that are not there are left out. */
  async getByIds(ids: readonly string[]): Promise<Document[]> {
    const collection = await this.#collection;
    return ids.flatMap((id) => {
      const item = collection?.get(id);
      return item === undefined ? [] : [toDocument(item.id, item.metadata)];
    });
  }

  /** Saves documents and vectors in a folder: a cut at any time leaves what was saved there before, or the new state. */
  override async save(folder: string): Promise<void> {
    if (this.#collection === undefined && this.#options.dimensions === undefined) {
      throw new TypeError('store: expected at least one document, or the option dimensions, before save');
    }
    const collection = await this.#collectionFor([]);
    await collection.save(folder);
  }

  /** Gives back the memory of the vectors. The executor stays open. */
  async [Symbol.asyncDispose](): Promise<void> {
    const collection = await this.#collection;
    await collection?.dispose();
  }

  async #search(
    vector: number[],
    k: number,
    filter: DocumentFilter | undefined,
    includeVectors: boolean,
  ): Promise<Match<StoredDocument>[]> {
    requireInteger('k', k, 1);
    const collection = await this.#collection;
    const where = filter === undefined || filter === null ? undefined : whereOf(filter);
    return collection === undefined ? [] : collection.query({ vector, k, where, includeVectors });
  }

  /** The collection; without the option `dimensions`, the first vectors tell how long all are. */
  #collectionFor(vectors: readonly number[][]): Promise<Collection<StoredDocument>> {
    if (this.#collection !== undefined) return this.#collection;
    const { dimensions = lengthOf(vectors), ...options } = this.#options;
    const made = createCollection<StoredDocument>(this.#executor, { dimensions, ...options });
    this.#collection = made;
    // The next call tries again.
    made.catch(() => (this.#collection = undefined));
    return made;
  }
}

function requireExecutor(executor: CollectionExecutor | undefined): asserts executor is CollectionExecutor {
  if (typeof executor?.topK !== 'function') {
    throw new TypeError(expected('executor', 'an executor of createExecutor()', executor));
  }
}

/** The length of every vector. */
function lengthOf(vectors: readonly number[][]): number {
  const [first] = vectors;
  for (const [i, vector] of vectors.entries()) {
    if (!Array.isArray(vector)) throw new TypeError(expected(`vectors[${i}]`, 'an array of numbers', vector));
    if (vector.length === first.length) continue;
    throw new RangeError(`vectors[${i}]: expected ${first.length} elements like vectors[0], got ${vector.length}`);
  }
  return first.length;
}

function whereOf(filter: DocumentFilter): Filter | ItemPredicate<StoredDocument> {
  if (typeof filter !== 'function') return onDocuments(filter);
  return ({ pageContent, metadata }, id) => filter(new Document({ pageContent, metadata, id: String(id) }));
}

function toDocument(id: CollectionId, stored: StoredDocument | undefined): Document {
  return new Document({ pageContent: stored?.pageContent ?? '', metadata: stored?.metadata ?? {}, id: String(id) });
}

function requireLength(name: string, values: unknown, length: number): void {
  if (!Array.isArray(values))
    throw new TypeError(expected(name, `an array with one element for each document`, values));
  if (values.length !== length) {
    throw new RangeError(`${name}: expected ${length} elements, one for each document, got ${values.length}`);
  }
}

function requireText(name: string, value: unknown): string {
  if (typeof value !== 'string') throw new TypeError(expected(name, 'a string', value));
  return value;
}
