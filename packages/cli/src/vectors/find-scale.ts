import { int8Scale } from '@gearshift/formats';
import { createEventLoopTurns } from '../event-loop-turns.js';
import { createProgress } from '../output/progress.js';
import type { OpenVectors } from './file-format.js';

/** Reads all vectors to find the scale with which the largest finite value becomes 127. */
export async function findScale(source: OpenVectors, stream: NodeJS.WritableStream | undefined): Promise<number> {
  const progress = createProgress('Reading', stream);
  const turn = createEventLoopTurns();
  let scale = 0;
  let rows = 0;
  try {
    for await (const batch of source.batches()) {
      // A batch of zeros alone has the scale 1, which says nothing.
      const values = batch.toFloat32();
      if (values.some((value) => value !== 0)) scale = Math.max(scale, int8Scale(values));
      rows += batch.rows;
      progress.update(rows, source.rows);
      await turn();
    }
  } finally {
    progress.stop();
  }
  return scale || 1;
}
