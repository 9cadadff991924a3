/**
 * Writes lines as fast as the reader takes them, so that a slow client slows the server down
 * instead of filling this process.
 *
 * @module
 */
import type { Writable } from 'node:stream';

/** @param onGone - Called once when the reader has gone away; later lines are dropped. */
export function createLineWriter(output: Writable, onGone: () => void): (line: string) => Promise<void> {
  let gone = false;
  let room: Promise<void> | undefined;
  let release: () => void = () => {};
  const leave = (): void => {
    if (gone) return;
    gone = true;
    release();
    onGone();
  };
  output.once('error', leave).once('close', leave);
  output.on('drain', () => {
    room = undefined;
    release();
  });
  return async (line) => {
    if (gone) return;
    if (!output.write(`${line}\n`)) {
      room ??= new Promise((resolve) => {
        release = resolve;
      });
    }
    await room;
  };
}
