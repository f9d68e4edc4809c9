import { parentPort } from 'node:worker_threads';
import { nextOperandId } from '../dist/internal.js';

parentPort.postMessage(Array.from({ length: 1000 }, nextOperandId));
