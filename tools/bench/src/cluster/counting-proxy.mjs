import { once } from 'node:events';
import { createConnection, createServer } from 'node:net';

/** A way to a server on this machine that counts the bytes in both directions. */
export async function startCountingProxy(serverPort) {
  const counts = { outBytes: 0, inBytes: 0 };
  const sockets = new Set();
  const listener = createServer((client) => {
    const server = createConnection(serverPort, '127.0.0.1');
    for (const [from, to, count] of [
      [client, server, (bytes) => (counts.outBytes += bytes)],
      [server, client, (bytes) => (counts.inBytes += bytes)],
    ]) {
      sockets.add(from.setNoDelay(true));
      from.on('data', (part) => {
        count(part.byteLength);
        to.write(part);
      });
      from.on('error', () => to.destroy());
      from.on('close', () => to.destroy());
    }
  });
  listener.listen(0, '127.0.0.1');
  await once(listener, 'listening');
  return {
    url: `nats://localhost:${listener.address().port}`,
    counts,
    async close() {
      const closed = once(listener, 'close');
      listener.close();
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}
