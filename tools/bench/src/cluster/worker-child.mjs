// node worker-child.mjs SETTINGS, with an IPC channel: a worker of a cluster with one thread, until the process that started it is gone. Beside
// it, on a connection of its own, an echo for each of `echoes`, which answers every message of its queue group with `answerBytes` bytes.
import { createClusterWorker } from '@gearshift/backend-cluster';
import { connect } from '@nats-io/transport-node';

const { servers, name, worker, dataRoot, echoes, answerBytes } = JSON.parse(process.argv[2]);

process.on('disconnect', () => process.exit());
await createClusterWorker({ servers, tls: false, name, worker, threads: 1, dataRoot, maxBytes: 4 * 2 ** 30 });
if (echoes.length > 0) {
  const client = await connect({ servers: new URL(servers).host, noAsyncTraces: true });
  const answer = new Uint8Array(answerBytes);
  for (const { subject, queue } of echoes) {
    client.subscribe(subject, {
      queue,
      callback: (error, message) => {
        if (error === null) message.respond(answer);
      },
    });
  }
  await client.flush();
}
process.send('ready');
