import type { InputFile } from '../files/input-file.js';
import { FlatTable } from './flat-table.js';

/** First and last bytes of an Arrow file. A stream has none. */
export const ARROW_MAGIC = [...Buffer.from('ARROW1')];
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

/** The part of the file that contains the messages: all of a stream, and a file without its magic and its footer. */
export async function findMessages(file: InputFile): Promise<{ readonly start: number; readonly end: number }> {
  const first = await file.read(0, Math.min(FILE_START, file.sizeBytes));
  if (first.length < FILE_START)
    throw file.error('foreign', 'not an Arrow file or stream (it has fewer than 8 bytes)', 0);
  if (!ARROW_MAGIC.every((byte, index) => first[index] === byte)) return { start: 0, end: file.sizeBytes };
  const tailBytes = 4 + ARROW_MAGIC.length;
  const tailStart = file.sizeBytes - tailBytes;
  const tail = tailStart < FILE_START ? first : await file.read(tailStart, tailBytes);
  if (tailStart < FILE_START || !ARROW_MAGIC.every((byte, index) => tail[4 + index] === byte)) {
    throw file.error('truncated', 'truncated: the file does not end with ARROW1', file.sizeBytes);
  }
  const footerBytes = new DataView(tail.buffer).getInt32(0, true);
  const end = tailStart - footerBytes;
  if (footerBytes < 0 || end < FILE_START) {
    throw file.error('damaged', `a footer of ${footerBytes} bytes in a file of ${file.sizeBytes}`, tailStart);
  }
  return { start: FILE_START, end };
}

/** The messages one after the other. Bodies are not read. */
export async function* readMessages(
  file: InputFile,
  { start, end }: { readonly start: number; readonly end: number },
): AsyncGenerator<ArrowMessage, void> {
  for (let position = start; position < end;) {
    const message = await readMessage(file, position, end);
    if (message === undefined) return;
    yield message;
    position = message.bodyStart + message.bodyBytes;
  }
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
  if (length > MAX_METADATA_BYTES) {
    throw file.error('too-large', `metadata of ${length} bytes, expected at most ${MAX_METADATA_BYTES}`, position);
  }
  if (offset + length > end) throw file.error('truncated', 'truncated: the file ends in a message', end);
  const metadata = await file.read(offset, length, 'a message');
  const root = FlatTable.root(metadata, (problem, at) =>
    file.error('damaged', `the Arrow data is damaged: ${problem}`, offset + at),
  );
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
