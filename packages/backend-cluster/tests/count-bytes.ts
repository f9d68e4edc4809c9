import type { ClusterTransport } from '@gearshift/backend-cluster';

export interface ByteCounts {
  readonly main: { sent: number; received: number };
  /** Of the further connection. */
  readonly beside: { sent: number; received: number };
}

/** A connection that counts the bytes of messages, apart from those of the connection that is opened beside it. */
export function countBytes(inner: ClusterTransport): { transport: ClusterTransport; counts: ByteCounts } {
  const counts = { main: { sent: 0, received: 0 }, beside: { sent: 0, received: 0 } };
  const wrap = (transport: ClusterTransport, count: ByteCounts['main']): ClusterTransport => ({
    get connected() {
      return transport.connected;
    },
    get maxPayloadBytes() {
      return transport.maxPayloadBytes;
    },
    ask(subject, data, options) {
      count.sent += data.byteLength;
      return transport.ask(subject, data, options);
    },
    askAll(subject, data, options, onAnswer) {
      count.sent += data.byteLength;
      return transport.askAll(subject, data, options, onAnswer);
    },
    send(subject, data) {
      count.sent += data.byteLength;
      transport.send(subject, data);
    },
    watch(subject, options, handler) {
      return transport.watch(subject, options, (message) => {
        count.received += message.data.byteLength;
        handler(message);
      });
    },
    onConnection: (listener) => transport.onConnection(listener),
    openBeside: async () => wrap((await transport.openBeside?.()) ?? transport, counts.beside),
    confirmWatches: async () => transport.confirmWatches?.(),
    drain: () => transport.drain(),
    close: () => transport.close(),
  });
  return { transport: wrap(inner, counts.main), counts };
}
