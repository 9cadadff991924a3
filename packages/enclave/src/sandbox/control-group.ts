/**
 * Limits of memory, processes and processor time for a sandbox with everything in it, by control groups
 * of the kernel, version 2 or 1.
 *
 * Whether they can be had depends on the machine: the group of this process must be one under which it
 * may make others. What could not be had is told, and attested as not obtained.
 *
 * Specification: Linux, Documentation/admin-guide/cgroup-v2.rst and cgroup-v1/.
 *
 * @module
 */
import { randomUUID } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';

export interface GroupLimits {
  /** Bytes, of everything in the sandbox together. */
  readonly memory?: number;
  /** Processes and threads. */
  readonly processes?: number;
  /** Hundredths of a processor. */
  readonly cpu?: number;
}

export interface ControlGroup {
  /** Files to which a process writes `0` to join, before it becomes the sandbox. */
  readonly joinFiles: readonly string[];
  /** How often something in the group was ended for want of memory. */
  outOfMemory(): number;
  /**
   * Removes the group, also where what ran in it takes a moment to go: the end of bubblewrap is known before that of
   * what it held. What goes on for longer keeps its group. Never rejects.
   */
  remove(): Promise<void>;
}

export interface ControlGroups {
  readonly version: 1 | 2;
  /** Makes a group. Throws where the kernel does not take a limit. */
  create(limits: GroupLimits): ControlGroup;
}

/** How long what was ended may take to go, and how often it is looked for. */
const LINGER_MS = 2_000;
const LOOK_MS = 20;

/** Microseconds; the kernel's usual period. */
const CPU_PERIOD = 100_000;

/**
 * What this machine offers; `undefined` where no group with memory and process limits can be made.
 *
 * @param root - Where control groups are mounted.
 * @param own - Content of `/proc/self/cgroup`.
 */
export function findControlGroups(root = '/sys/fs/cgroup', own = readOwn()): ControlGroups | undefined {
  return [versionTwo(root, own), versionOne(root)].find((groups) => groups !== undefined && works(groups));
}

function readOwn(): string {
  try {
    return readFileSync('/proc/self/cgroup', 'utf8');
  } catch {
    return '';
  }
}

/** The only proof is a group that was made. */
function works(groups: ControlGroups): boolean {
  try {
    void groups.create({ memory: 64 << 20, processes: 16 }).remove();
    return true;
  } catch {
    return false;
  }
}

function versionTwo(root: string, own: string): ControlGroups | undefined {
  const path = /^0::(\/.*)$/m.exec(own)?.[1];
  if (path === undefined || !existsSync(join(root, 'cgroup.controllers'))) return undefined;
  return {
    version: 2,
    create(limits) {
      const group = makeGroup(join(root, path));
      return filled([group], () => {
        if (limits.memory !== undefined) {
          writeFileSync(join(group, 'memory.max'), `${limits.memory}`);
          writeIfThere(join(group, 'memory.swap.max'), '0');
          writeIfThere(join(group, 'memory.oom.group'), '1');
        }
        if (limits.processes !== undefined) writeFileSync(join(group, 'pids.max'), `${limits.processes}`);
        if (limits.cpu !== undefined) {
          writeFileSync(join(group, 'cpu.max'), `${(limits.cpu * CPU_PERIOD) / 100} ${CPU_PERIOD}`);
        }
        return () => counter(join(group, 'memory.events'), /^oom_kill (\d+)$/m);
      });
    },
  };
}

function versionOne(root: string): ControlGroups | undefined {
  if (!existsSync(join(root, 'memory')) || !existsSync(join(root, 'pids'))) return undefined;
  return {
    version: 1,
    create(limits) {
      const cpu = limits.cpu;
      const memory = makeGroup(join(root, 'memory'));
      const groups = [memory];
      return filled(groups, () => {
        const pids = makeGroup(join(root, 'pids'));
        groups.push(pids);
        if (limits.memory !== undefined) {
          writeFileSync(join(memory, 'memory.limit_in_bytes'), `${limits.memory}`);
          writeIfThere(join(memory, 'memory.memsw.limit_in_bytes'), `${limits.memory}`);
        }
        if (limits.processes !== undefined) writeFileSync(join(pids, 'pids.max'), `${limits.processes}`);
        if (cpu !== undefined) {
          const group = makeGroup(join(root, 'cpu'));
          groups.push(group);
          writeFileSync(join(group, 'cpu.cfs_period_us'), `${CPU_PERIOD}`);
          writeFileSync(join(group, 'cpu.cfs_quota_us'), `${(cpu * CPU_PERIOD) / 100}`);
        }
        return () => counter(join(memory, 'memory.oom_control'), /^oom_kill (\d+)$/m);
      });
    },
  };
}

/** Fills groups that were made; where that fails none of them is left. */
function filled(groups: readonly string[], fill: () => () => number): ControlGroup {
  const remove = async (): Promise<void> => {
    for (let waited = 0; groups.filter(isHeld).length > 0 && waited < LINGER_MS; waited += LOOK_MS) {
      await pause(LOOK_MS);
    }
  };
  try {
    const outOfMemory = fill();
    return { joinFiles: groups.map((group) => join(group, 'cgroup.procs')), outOfMemory, remove };
  } catch (error) {
    void remove();
    throw error;
  }
}

/** Removes one group; whether something still runs in it. */
function isHeld(group: string): boolean {
  try {
    rmdirSync(group);
    return false;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EBUSY';
  }
}

function makeGroup(parent: string): string {
  const group = join(parent, `vitrine-${randomUUID()}`);
  mkdirSync(group);
  return group;
}

/** Not every kernel accounts swap. */
function writeIfThere(file: string, text: string): void {
  if (!existsSync(file)) return;
  try {
    writeFileSync(file, text);
  } catch {
    // There, but not to be changed: the limit of memory holds all the same.
  }
}

function counter(file: string, pattern: RegExp): number {
  try {
    return Number(pattern.exec(readFileSync(file, 'utf8'))?.[1] ?? 0);
  } catch {
    return 0;
  }
}
