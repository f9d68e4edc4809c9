import type { ClusterTransport } from '../transport/transport.js';

/** Ends a query at a worker, if it can be reached. */
export function sendCancel(transport: ClusterTransport, subject: string, id: number): void {
  const message = new Uint8Array(8);
  new DataView(message.buffer).setFloat64(0, id, true);
  try {
    transport.send(subject, message);
  } catch {
    // It ends by itself when its time is over.
  }
}
