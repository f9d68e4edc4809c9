// node fetch-nats-server.mjs [FOLDER]
//
// Fetches nats-server from its Debian package, of which nothing is installed. Always succeeds: without the server its tests are skipped.
import { fileURLToPath } from 'node:url';
import { fetchFiles } from '@gearshift/debian-package';

fetchFiles({
  title: 'nats-server',
  package: 'nats-server',
  paths: ['./usr/sbin/nats-server'],
  folder: process.argv[2] ?? fileURLToPath(new URL('../build/server', import.meta.url)),
});
