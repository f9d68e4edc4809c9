import { hrtime } from 'node:process';

/** The process's monotonic clock in milliseconds. Unlike `performance.now()`, it has the same origin in every thread. */
export function monotonicMs(): number {
  const [seconds, nanoseconds] = hrtime();
  return seconds * 1e3 + nanoseconds / 1e6;
}
