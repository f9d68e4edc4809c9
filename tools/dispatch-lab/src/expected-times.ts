import type { World } from './world.js';
import { ROW_BYTES } from './world.js';
import type { LabRequest } from './traces/trace.js';

/** What a request takes on each device in expectation, but for the mean of the noise, which all of them share. */
export interface ExpectedTimes {
  readonly cpuMs: number;
  /** On data that is there. */
  readonly gpuMs: number;
  /** To bring it there as a whole. */
  readonly uploadMs: number;
}

export function expectedTimes(world: World, { shape, rows, bytes, cpuFactor, gpuFactor }: LabRequest): ExpectedTimes {
  return {
    cpuMs: world.cpuMs(shape, rows) * cpuFactor,
    gpuMs: world.gpuMs(shape, rows) * gpuFactor,
    uploadMs: world.uploadMs(bytes),
  };
}

/** The same for data that has to be brought there in pieces, each of which fits what is free. */
export function expectedInPieces(world: World, request: LabRequest): ExpectedTimes {
  const { shape, rows, cpuFactor, gpuFactor, freeBytes } = request;
  const pieceRows = Math.max(1, Math.floor(Math.min(request.bytes, freeBytes) / ROW_BYTES));
  const wholePieces = Math.floor(rows / pieceRows);
  const restRows = rows - wholePieces * pieceRows;
  const overPieces = (timeOf: (pieceRows: number) => number) =>
    wholePieces * timeOf(pieceRows) + (restRows > 0 ? timeOf(restRows) : 0);
  return {
    cpuMs: world.cpuMs(shape, rows) * cpuFactor,
    gpuMs: overPieces((piece) => world.gpuMs(shape, piece)) * gpuFactor,
    uploadMs: overPieces((piece) => world.uploadMs(piece * ROW_BYTES)),
  };
}
