import { closeSync, openSync, readSync } from 'node:fs';

/** Floats of a file of the data sets. One call of the system reads at most 2 GiB. */
export function readFloats(file, first, count) {
  const floats = new Float32Array(count);
  const bytes = new Uint8Array(floats.buffer);
  const handle = openSync(file);
  for (let done = 0; done < bytes.length;) {
    done += readSync(handle, bytes, done, Math.min(bytes.length - done, 2 ** 30), first * 4 + done);
  }
  closeSync(handle);
  return floats;
}
