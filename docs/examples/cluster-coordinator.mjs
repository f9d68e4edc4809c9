// A program that searches on a cluster: node cluster-coordinator.mjs, in the folder with coordinator.nk and ca.crt.
import { connectNats, createClusterBackend } from '@gearshift/backend-cluster';
import { createMatrix, createTopKOutput, prepareTopK, unwrap } from '@gearshift/contracts';

const servers = process.env.SERVERS ?? 'n1.internal,n2.internal,n3.internal';
const transport = await connectNats({
  servers: servers.split(','),
  name: 'corpus',
  credentials: { nkeyFile: 'coordinator.nk' },
  tls: { caFile: 'ca.crt' },
});
const cluster = unwrap(await createClusterBackend({ transport, name: 'corpus' }));
try {
  const matrix = createMatrix(new Float32Array([1, 0, 0, 1, 1, 1]), { dimensions: 2 }); // 3 rows
  const request = prepareTopK({ operation: 'top-k', matrix, query: new Float32Array([1, 0.1]), k: 2 });
  const { indices } = await topK(request);
  console.log(`${cluster.describe().device}: the best rows are ${indices.join(' and ')}`);
} finally {
  await cluster.close(); // and with it the connection
}

/** The first request puts the rows on the workers. */
async function topK(request) {
  const best = createTopKOutput(request);
  unwrap(await cluster.topK(request, best));
  return best;
}
