/**
 * Everything that this package does to files, in one interface: tests replace it by one in memory that records each call, cuts
 * the power or fails.
 */
export interface FileSystem {
  /** The same path for every name of a file that exists; an absolute path for one that does not. */
  resolve(path: string): Promise<string>;
  /** Opens a regular file that exists. */
  open(path: string, access: 'read' | 'write'): Promise<OpenFile>;
  /** Creates a new file, with the permissions of another one if that exists. */
  create(path: string, like: string): Promise<OpenFile>;
  rename(from: string, to: string): Promise<void>;
  remove(path: string): Promise<void>;
  /** Makes the names of the folder that contains `path` durable. */
  syncFolderOf(path: string): Promise<void>;
  /** @throws FileError of the kind `'locked'` */
  lock(path: string): Promise<FileLock>;
}

export interface OpenFile {
  readonly descriptor: number;
  byteLength(): Promise<number>;
  /** Reads until `target` is full or the file ends; returns the number of bytes. */
  read(target: Uint8Array, offset: number): Promise<number>;
  /** Writes all bytes. */
  write(bytes: Uint8Array, offset: number): Promise<void>;
  truncate(byteLength: number): Promise<void>;
  /** Returns when everything that was written is durable. */
  sync(): Promise<void>;
  close(): Promise<void>;
}

/** The right to write a file. */
export interface FileLock {
  /** A free path in the same file system, for a new file that is to replace the locked one. */
  readonly asidePath: string;
  release(): Promise<void>;
}
