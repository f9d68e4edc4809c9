import { WIRE_LIMITS } from './wire-limits.js';

/*
 * A piece of the activations of a graph with more nodes than fit in a query is little-endian:
 *
 *   0 magic u32 | 4 index u32 | 8 id f64 | 16 nodes u32 | 20 first node u32 | 24 pieces u32 | 28 budgetMs u32 | 32 activations f32
 *
 * Nodes in no piece have the activation 0.
 */
export const FRONTIER_HEADER_BYTES = 32;
const MAGIC = 0x3146_5347;

export interface FrontierPiece {
  readonly index: number;
  /** Of all pieces, which queries name. */
  readonly id: number;
  readonly nodes: number;
  readonly first: number;
  readonly pieces: number;
  /** It may be forgotten then. */
  readonly budgetMs: number;
  readonly activations: Float32Array;
}

export function encodeFrontierPiece(piece: FrontierPiece): Uint8Array {
  const { activations } = piece;
  const bytes = new Uint8Array(FRONTIER_HEADER_BYTES + activations.byteLength);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, MAGIC, true);
  view.setUint32(4, piece.index, true);
  view.setFloat64(8, piece.id, true);
  view.setUint32(16, piece.nodes, true);
  view.setUint32(20, piece.first, true);
  view.setUint32(24, piece.pieces, true);
  view.setUint32(28, Math.max(1, Math.min(WIRE_LIMITS.budgetMs, Math.ceil(piece.budgetMs))), true);
  const contents = new Uint8Array(activations.buffer, activations.byteOffset, activations.byteLength);
  bytes.set(contents, FRONTIER_HEADER_BYTES);
  return bytes;
}

/** Whether a message is meant as a piece, and not as a query. */
export function isFrontierPiece(bytes: Uint8Array): boolean {
  return bytes.byteLength >= 4 && new DataView(bytes.buffer, bytes.byteOffset, 4).getUint32(0, true) === MAGIC;
}

/** @returns the piece, with memory of its own; or what is wrong with the bytes */
export function decodeFrontierPiece(bytes: Uint8Array): FrontierPiece | string {
  if (!isFrontierPiece(bytes)) return 'another magic number than that of activations';
  const count = (bytes.byteLength - FRONTIER_HEADER_BYTES) / 4;
  if (!Number.isInteger(count) || count < 1) return `${bytes.byteLength} bytes are no activations`;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const id = view.getFloat64(8, true);
  const [index, pieces] = [view.getUint32(4, true), view.getUint32(24, true)];
  const [nodes, first] = [view.getUint32(16, true), view.getUint32(20, true)];
  if (!Number.isSafeInteger(id)) return 'an id that is no integer';
  if (nodes < 1 || nodes > WIRE_LIMITS.nodes) return `${nodes} nodes`;
  if (first + count > nodes) return `nodes ${first} to ${first + count} of ${nodes}`;
  if (pieces > nodes || index >= pieces) return `piece ${index} of ${pieces}`;
  const budgetMs = view.getUint32(28, true);
  if (budgetMs > WIRE_LIMITS.budgetMs) return `${budgetMs} milliseconds`;
  const contents = new Uint8Array(4 * count);
  contents.set(bytes.subarray(FRONTIER_HEADER_BYTES));
  return { index, id, nodes, first, pieces, budgetMs, activations: new Float32Array(contents.buffer) };
}
