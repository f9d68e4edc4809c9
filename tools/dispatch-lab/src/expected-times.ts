import type { World } from './world.js';
import { ROW_BYTES } from './world.js';
import type { LabRequest } from './traces/trace.js';

/** The expected time of a request on each device, without the mean of the noise, which all devices share. */
export interface ExpectedTimes {
  readonly cpuMs: number;
  /** With resident data. */
  readonly gpuMs: number;
  /** Upload of all of the data. */
  readonly uploadMs: number;
}

export function expectedTimes(world: World, { shape, rows, bytes, cpuFactor, gpuFactor }: LabRequest): ExpectedTimes {
  return {
    cpuMs: world.cpuMs(shape, rows) * cpuFactor,
    gpuMs: world.gpuMs(shape, rows) * gpuFactor,
    uploadMs: world.uploadMs(bytes),
  };
}

/** The same for data that is uploaded in pieces that fit in the free memory. */
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
