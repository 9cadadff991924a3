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
  /** {@link ControlGroup.joinFiles} of the group that bubblewrap, and so the whole sandbox, belongs to. */
  readonly joinFiles?: readonly string[];
}

/** Joins the groups, then becomes bubblewrap: nothing ever runs outside of them. `$JOIN` has no blanks in its names. */
const JOIN_SCRIPT = 'for file in $JOIN; do echo 0 > "$file" || exit 126; done; unset JOIN; exec "$@"';

const DESCRIPTOR = { passwd: 4, seccomp: 5 } as const;

/**
 * The child is bubblewrap, in a session of its own; its end is the end of everything in the sandbox, and
 * it dies with this process.
 *
 * @param isLink - Whether a path of this machine is a symbolic link.
 */
export function spawnBubblewrap(
  { bubblewrap, architecture, plan, joinFiles = [] }: BubblewrapLaunch,
  isLink: (path: string) => boolean,
): ChildProcessWithoutNullStreams {
  const descriptors = {
    passwd: DESCRIPTOR.passwd,
    ...(architecture === undefined ? {} : { seccomp: DESCRIPTOR.seccomp }),
  };
  const direct = [bubblewrap, ...bubblewrapArguments(plan, descriptors, isLink)];
  const [command = '', ...args] = joinFiles.length === 0 ? direct : ['/bin/sh', '-c', JOIN_SCRIPT, 'sh', ...direct];
  const child = spawn(command, args, {
    cwd: '/',
    env: joinFiles.length === 0 ? {} : { JOIN: joinFiles.join(' ') },
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
