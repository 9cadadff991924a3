/**
 * Folders of one start, in the system's folder for temporary files. They go with it, also where it is ended before it
 * has come up, or a second Ctrl-C ends it at once.
 *
 * @module
 */
import { rmSync } from 'node:fs';

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/**
 * Removes folders when this process ends, until that is called off.
 *
 * @returns what calls it off.
 */
export function removedAtEnd(directories: readonly string[]): () => void {
  const remove = (): void => {
    for (const directory of directories) rmSync(directory, { recursive: true, force: true });
  };
  const onSignal = (signal: NodeJS.Signals): void => {
    process.off(signal, onSignal);
    // Whoever else listens ends this process in order.
    if (process.listenerCount(signal) > 0) return;
    remove();
    process.kill(process.pid, signal);
  };
  process.once('exit', remove);
  for (const signal of SIGNALS) process.on(signal, onSignal);
  return () => {
    process.off('exit', remove);
    for (const signal of SIGNALS) process.off(signal, onSignal);
  };
}
