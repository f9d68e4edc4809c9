// A search service with ids and tenants: `node collection-server.mjs FOLDER VECTORS.npy ITEMS.json`. The first start builds the
// collection from the files (ITEMS.json: [{ "id": 1, "tenant": "acme" }, ...], one for each row); later ones open what was saved.
import { existsSync, readFileSync } from 'node:fs';
import { createCollection, openCollection } from '@gearshift/collection';
import { openVectors } from '@gearshift/formats';
import Fastify from 'fastify';
import { createExecutor } from 'gearshift';

const [folder, vectorsPath, itemsPath] = process.argv.slice(2);
const executor = await createExecutor();
const items = existsSync(folder) ? await openCollection(executor, folder, { writable: true }) : await build();

async function build() {
  const list = JSON.parse(readFileSync(itemsPath, 'utf8'));
  const file = await openVectors(vectorsPath);
  const built = await createCollection(executor, { dimensions: file.dimensions });
  for await (const batch of file.batches({ maxRows: 1 })) {
    const { id, tenant } = list[batch.start];
    await built.upsert({ id, vector: batch.toFloat32(), metadata: { tenant } });
  }
  await file.close();
  return built;
}

const server = Fastify();
server.setErrorHandler((error, _, reply) => {
  const isMistake = error instanceof TypeError || error instanceof RangeError;
  reply.code(isMistake ? 400 : (error.statusCode ?? 500)).send({ error: error.message });
});
server.post('/query', ({ body: { tenant, ...rest } }) => items.query({ ...rest, where: { tenant: { $eq: tenant } } }));
server.put('/items', ({ body }) => items.upsert(body).then(() => ({ size: items.size })));
server.delete('/items', ({ body }) => items.delete(body).then((deleted) => ({ deleted })));
console.log(await server.listen({ port: Number(process.env.PORT ?? 0) }));

process.once('SIGTERM', async () => {
  await server.close(); // after the requests under way
  await items.save(folder);
  await executor.close();
});
