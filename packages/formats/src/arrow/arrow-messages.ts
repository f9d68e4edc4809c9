import type { InputFile } from '../files/input-file.js';
import { FlatTable } from './flat-table.js';

/** First and last bytes of an Arrow file. A stream has none. */
export const ARROW_MAGIC = [...Buffer.from('ARROW1')];
/** Of a Block of the footer: where a message is, and its lengths, which the message has too. */
const BLOCK_BYTES = 24;
/** The file format aligns what follows its magic. */
const FILE_START = 8;
const CONTINUATION = 0xffff_ffff;
/** Metadata describes columns and buffers; that of a thousand columns has less than 1 MiB. */
const MAX_METADATA_BYTES = 16 * 2 ** 20;

/** A message of the IPC format, and where its body is. */
export interface ArrowMessage {
  /** Number of the type in Message.fbs. */
  readonly type: number;
  readonly header: FlatTable;
  /** Position of the metadata, for errors. */
  readonly offset: number;
  readonly bodyStart: number;
  readonly bodyBytes: number;
}

export const MESSAGE_TYPES = { schema: 1, dictionary: 2, batch: 3 } as const;

/** The schema and the messages of a file or a stream. */
export interface ArrowContents {
  readonly schema: FlatTable;
  /** Position of the schema, for errors. */
  readonly offset: number;
  /** Dictionaries and batches, without their bodies. Dictionaries come before the batches that use them. */
  messages(): AsyncGenerator<ArrowMessage, void>;
}

/** Reads the schema of a stream, or the footer of a file. */
export async function readArrow(file: InputFile): Promise<ArrowContents> {
  const first = await file.read(0, Math.min(FILE_START, file.sizeBytes));
  if (first.length < FILE_START)
    throw file.error('foreign', 'not an Arrow file or stream (it has fewer than 8 bytes)', 0);
  return ARROW_MAGIC.every((byte, index) => first[index] === byte) ? await readFile(file) : await readStream(file);
}

async function readStream(file: InputFile): Promise<ArrowContents> {
  const end = file.sizeBytes;
  const message = await readMessage(file, 0, end);
  if (message === undefined) throw file.error('truncated', 'truncated: there is no schema', end);
  const { type, header, offset, bodyStart, bodyBytes } = message;
  if (type !== MESSAGE_TYPES.schema) throw file.error('damaged', 'the first message is no schema', offset);
  return {
    schema: header,
    offset,
    async *messages() {
      for (let position = bodyStart + bodyBytes; position < end;) {
        const next = await readMessage(file, position, end);
        if (next === undefined) return;
        yield next;
        position = next.bodyStart + next.bodyBytes;
      }
    },
  };
}

/** The footer has the places of the messages. What is between them need not be messages. */
async function readFile(file: InputFile): Promise<ArrowContents> {
  const tailBytes = 4 + ARROW_MAGIC.length;
  const tailStart = file.sizeBytes - tailBytes;
  const tail = tailStart < FILE_START ? new Uint8Array(tailBytes) : await file.read(tailStart, tailBytes);
  if (!ARROW_MAGIC.every((byte, index) => tail[4 + index] === byte)) {
    throw file.error('truncated', 'truncated: the file does not end with ARROW1', file.sizeBytes);
  }
  const footerBytes = new DataView(tail.buffer).getInt32(0, true);
  const offset = tailStart - footerBytes;
  if (footerBytes < 0 || offset < FILE_START) {
    throw file.error('damaged', `a footer of ${footerBytes} bytes in a file of ${file.sizeBytes}`, tailStart);
  }
  requireSmallMetadata(file, footerBytes, tailStart);
  const footer = readTable(file, await file.read(offset, footerBytes, 'its footer'), offset);
  const schema = footer.table(1);
  if (schema === undefined) throw file.error('damaged', 'a footer without a schema', offset);
  const places = [footer.pairs(2, BLOCK_BYTES), footer.pairs(3, BLOCK_BYTES)];
  return {
    schema,
    offset,
    async *messages() {
      for (const blocks of places) {
        for (let index = 0; index < blocks.length; index++) {
          const [position] = blocks.at(index);
          if (!(position >= FILE_START && position < offset)) {
            throw file.error('damaged', `the footer places a message at byte ${position}`, offset);
          }
          const message = await readMessage(file, position, offset);
          if (message === undefined) throw file.error('damaged', 'the footer names a message that is empty', position);
          yield message;
        }
      }
    },
  };
}

function requireSmallMetadata(file: InputFile, length: number, position: number): void {
  if (length <= MAX_METADATA_BYTES) return;
  throw file.error('too-large', `metadata of ${length} bytes, expected at most ${MAX_METADATA_BYTES}`, position);
}

function readTable(file: InputFile, bytes: Uint8Array, offset: number): FlatTable {
  return FlatTable.root(bytes, (problem, at) =>
    file.error('damaged', `the Arrow data is damaged: ${problem}`, offset + at),
  );
}

async function readMessage(file: InputFile, position: number, end: number): Promise<ArrowMessage | undefined> {
  const prefix = new DataView((await file.read(position, Math.min(8, end - position))).buffer);
  if (prefix.byteLength < 4) throw file.error('truncated', 'truncated: the file ends in a message', end);
  const hasContinuation = prefix.getUint32(0, true) === CONTINUATION;
  if (hasContinuation && prefix.byteLength < 8)
    throw file.error('truncated', 'truncated: the file ends in a message', end);
  // Versions of Arrow before 0.15 wrote the length alone.
  const length = prefix.getInt32(hasContinuation ? 4 : 0, true);
  if (length === 0) return undefined; // the end of the stream
  const offset = position + (hasContinuation ? 8 : 4);
  if (length < 0 || (position === 0 && !hasContinuation && length > end)) {
    throw file.error('foreign', 'not an Arrow file or stream (it does not begin with a message)', position);
  }
  requireSmallMetadata(file, length, position);
  if (offset + length > end) throw file.error('truncated', 'truncated: the file ends in a message', end);
  const root = readTable(file, await file.read(offset, length, 'a message'), offset);
  const version = root.int16(0, 0);
  if (version !== 3 && version !== 4) {
    throw file.error('unsupported', `Arrow metadata version ${version + 1}, expected 4 or 5`, offset);
  }
  const header = root.table(2);
  if (header === undefined) throw file.error('damaged', 'a message without a header', offset);
  const bodyBytes = root.int64(3, 0);
  const bodyStart = offset + length;
  if (!(bodyBytes >= 0 && bodyStart + bodyBytes <= end)) {
    throw file.error(
      'truncated',
      `truncated: a message has a body of ${bodyBytes} bytes, the file ends before`,
      offset,
    );
  }
  return { type: root.int8(1, 0), header, offset, bodyStart, bodyBytes };
}
