/**
 * Descriptors that this process got from whatever started it, and that a child would get in turn: Node marks
 * only its own as not to be handed on.
 *
 * Specification: Linux, proc(5), `/proc/[pid]/fdinfo`.
 *
 * @module
 */
import { readdirSync, readFileSync } from 'node:fs';

const DIRECTORY = '/proc/self/fdinfo';
const O_CLOEXEC = 0o2000000;

/** Above the three standard streams, in no order; none where there is no `/proc`. */
export function inheritedDescriptors(): readonly number[] {
  return names()
    .map(Number)
    .filter((descriptor) => descriptor > 2 && isHandedOn(descriptor));
}

function names(): readonly string[] {
  try {
    return readdirSync(DIRECTORY);
  } catch {
    return [];
  }
}

function isHandedOn(descriptor: number): boolean {
  try {
    const flags = /^flags:\s*([0-7]+)$/m.exec(readFileSync(`${DIRECTORY}/${descriptor}`, 'latin1'))?.[1];
    return flags !== undefined && (Number.parseInt(flags, 8) & O_CLOEXEC) === 0;
  } catch {
    // It was the one that read the directory.
    return false;
  }
}
