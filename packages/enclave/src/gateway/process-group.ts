/**
 * Signals for a server process and everything that it started.
 *
 * On POSIX each server leads its own process group, so one signal reaches its helpers too. Windows has
 * no such groups here: the server process alone is ended.
 *
 * @module
 */
import type { ChildProcess } from 'node:child_process';

const running = new Set<ChildProcess>();

/** Whether servers get their own process group. */
export const ownProcessGroup: boolean = process.platform !== 'win32';

/** Sends `signal` to the group that `child` leads. A group that is already gone is no error. */
export function signalGroup(child: ChildProcess, signal: NodeJS.Signals): void {
  if (child.pid === undefined) return;
  if (!ownProcessGroup) {
    child.kill(signal);
    return;
  }
  try {
    process.kill(-child.pid, signal);
  } catch {
    // ESRCH: nobody is left. EPERM (macOS): only processes that are already dead are left.
  }
}

function killAll(): void {
  for (const child of running) signalGroup(child, 'SIGKILL');
}

/** From now on `child` is killed when this process ends without having stopped it. */
export function adopt(child: ChildProcess): void {
  if (running.size === 0) process.on('exit', killAll);
  running.add(child);
}

/** The opposite of {@link adopt}, once `child` is gone. */
export function release(child: ChildProcess): void {
  running.delete(child);
  if (running.size === 0) process.off('exit', killAll);
}
