/**
 * Descriptors that this process got from whatever started it and that its children would get in turn.
 *
 * Node marks its own as not to be handed on, and the inherited ones only up to the first gap. What is
 * beyond, such as a pipe or a log file of a service manager, would be open inside a sandbox.
 *
 * Specification: Linux, proc(5), `/proc/[pid]/fdinfo`.
 *
 * @module
 */
import { readdirSync, readFileSync } from 'node:fs';

const O_CLOEXEC = 0o2000000;

/** Above the three standard streams, in no order; none where there is no `/proc`. */
export function inheritedDescriptors(directory = '/proc/self/fdinfo'): readonly number[] {
  return names(directory)
    .map(Number)
    .filter((descriptor) => descriptor > 2 && isHandedOn(`${directory}/${descriptor}`));
}

function names(directory: string): readonly string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}

function isHandedOn(file: string): boolean {
  try {
    const flags = /^flags:\s*([0-7]+)$/m.exec(readFileSync(file, 'latin1'))?.[1];
    return flags !== undefined && (Number.parseInt(flags, 8) & O_CLOEXEC) === 0;
  } catch {
    // It was the one that read the directory.
    return false;
  }
}
