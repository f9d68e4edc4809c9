// An input of Nx's cache: tests with a NATS server run again when the server comes, goes or changes.
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const record = fileURLToPath(new URL('../build/server/record.json', import.meta.url));
console.log(existsSync(record) ? readFileSync(record, 'utf8') : 'no nats-server');
console.log(process.env['GEARSHIFT_NATS_SERVER'] ?? '');
