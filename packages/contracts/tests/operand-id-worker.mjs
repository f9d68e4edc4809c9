import { parentPort } from 'node:worker_threads';
import { nextOperandId } from '../dist/index.js';

parentPort.postMessage(Array.from({ length: 1000 }, nextOperandId));
