/**
 * Starts bubblewrap, with what it reads on descriptors of its own: the system call filter and the
 * content of `/etc/passwd`. Descriptor 3 stays free for the hosted server.
 *
 * @module
 */
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import type { Writable } from 'node:stream';
import { bubblewrapArguments, SANDBOX_PASSWD, type SandboxPlan } from './bubblewrap.ts';
import { type FilterArchitecture, seccompProgram } from './seccomp.ts';

export interface BubblewrapLaunch {
  /** Absolute path. */
  readonly bubblewrap: string;
  /** `undefined`: there is no system call filter for this processor. */
  readonly architecture: FilterArchitecture | undefined;
  readonly plan: SandboxPlan;
}

const DESCRIPTOR = { passwd: 4, seccomp: 5 } as const;

/**
 * The child is bubblewrap, in a session of its own; its end is the end of everything in the sandbox, and
 * it dies with this process.
 *
 * @param isLink - Whether a path of this machine is a symbolic link.
 */
export function spawnBubblewrap(
  { bubblewrap, architecture, plan }: BubblewrapLaunch,
  isLink: (path: string) => boolean,
): ChildProcessWithoutNullStreams {
  const descriptors = {
    passwd: DESCRIPTOR.passwd,
    ...(architecture === undefined ? {} : { seccomp: DESCRIPTOR.seccomp }),
  };
  const child = spawn(bubblewrap, [...bubblewrapArguments(plan, descriptors, isLink)], {
    cwd: '/',
    env: {},
    shell: false,
    detached: true,
    stdio: ['pipe', 'pipe', 'pipe', undefined, 'pipe', ...(architecture === undefined ? [] : (['pipe'] as const))],
  });
  give(child, DESCRIPTOR.passwd, SANDBOX_PASSWD);
  if (architecture !== undefined) give(child, DESCRIPTOR.seccomp, seccompProgram(architecture));
  // With 'pipe' for the first three, Node gives streams for them.
  return child as ChildProcessWithoutNullStreams;
}

function give(child: { readonly stdio: readonly unknown[] }, descriptor: number, content: string | Uint8Array): void {
  const stream = child.stdio[descriptor] as Writable | null;
  // A sandbox that does not start closes its end; why is on its standard error.
  stream?.on('error', () => undefined).end(content);
}
