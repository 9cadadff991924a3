/**
 * Judges ranges of changes in a thread of its own.
 *
 * @module
 */
import { parentPort } from 'node:worker_threads';
import { judgeRange, type Range } from './range.ts';

parentPort?.on('message', (range: Range) => {
  judgeRange(range).then(
    (report) => parentPort?.postMessage(report),
    (error: unknown) => {
      // Out of the promise, so that it reaches the main thread as the worker's error.
      setImmediate(() => {
        throw error;
      });
    },
  );
});
