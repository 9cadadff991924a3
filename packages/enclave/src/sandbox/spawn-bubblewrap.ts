/**
 * Starts bubblewrap, with what it reads on descriptors of its own: the system call filter and the
 * content of `/etc/passwd`. Descriptor 3 is the hosted server's, for its socket to the key service. Nothing else that this process
 * has open gets in, and no image of the memory is written at a crash.
 *
 * @module
 */
import { type ChildProcessWithoutNullStreams, type StdioOptions, spawn } from 'node:child_process';
import { openSync } from 'node:fs';
import type { Server } from 'node:net';
import { devNull } from 'node:os';
import type { Writable } from 'node:stream';
import { inheritedDescriptors } from '@vitrine/keys/client';
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
  /** A listening Unix socket for what runs inside, as descriptor {@link LISTENER}; closed here. */
  readonly listener?: Server;
  /** Descriptors of the child that are to be sockets to this process; they get in with it. */
  readonly sockets?: readonly number[];
}

/** Joins the groups, then becomes bubblewrap: nothing ever runs outside of them. `$JOIN` has no blanks in its names. */
const START_SCRIPT =
  'ulimit -c 0 || exit 126; for file in $JOIN; do echo 0 > "$file" || exit 126; done; unset JOIN; exec "$@"';

const DESCRIPTOR = { passwd: 4, seccomp: 5 } as const;
/** Where {@link BubblewrapLaunch.listener} is inside. */
export const LISTENER = 6;
/** Where the socket to the key service of a signer beside the server is. */
export const SIGNER = 7;

/** They cannot change: what Node opens itself is not handed on. */
const INHERITED: readonly number[] = inheritedDescriptors();
let nothing: number | undefined;

/**
 * The child is bubblewrap, in a session of its own; its end is the end of everything in the sandbox, and
 * it dies with this process.
 *
 * @param isLink - Whether a path of this machine is a symbolic link.
 */
export function spawnBubblewrap(
  { bubblewrap, architecture, plan, joinFiles = [], listener, sockets = [] }: BubblewrapLaunch,
  isLink: (path: string) => boolean,
): ChildProcessWithoutNullStreams {
  const descriptors = {
    passwd: DESCRIPTOR.passwd,
    ...(architecture === undefined ? {} : { seccomp: DESCRIPTOR.seccomp }),
  };
  const direct = [bubblewrap, ...bubblewrapArguments(plan, descriptors, isLink)];
  const child = spawn('/bin/sh', ['-c', START_SCRIPT, 'sh', ...direct], {
    cwd: '/',
    env: { JOIN: joinFiles.join(' ') },
    shell: false,
    detached: true,
    stdio: stdio(architecture !== undefined, listener, sockets),
  });
  // The copy inside is the only one that takes connections.
  listener?.close();
  give(child, DESCRIPTOR.passwd, SANDBOX_PASSWD);
  if (architecture !== undefined) give(child, DESCRIPTOR.seccomp, seccompProgram(architecture));
  // With 'pipe' for the first three, Node gives streams for them.
  return child as ChildProcessWithoutNullStreams;
}

type Stdio = Exclude<StdioOptions, string>;

function stdio(isFiltered: boolean, listener: Server | undefined, sockets: readonly number[]): Stdio {
  const all: Stdio = ['pipe', 'pipe', 'pipe', 'ignore', 'pipe', isFiltered ? 'pipe' : 'ignore'];
  all[LISTENER] = listener === undefined ? 'ignore' : descriptorOf(listener);
  for (const descriptor of sockets) all[descriptor] = 'pipe';
  for (const descriptor of INHERITED) {
    if (all[descriptor] !== undefined && all[descriptor] !== 'ignore') continue;
    nothing ??= openSync(devNull, 'r');
    all[descriptor] = nothing;
  }
  return Array.from(all, (one) => one ?? 'ignore');
}

/** Node has no public name for it. */
function descriptorOf(listener: Server): number {
  const { _handle: handle } = listener as unknown as { readonly _handle?: { readonly fd?: unknown } | null };
  const descriptor = handle?.fd;
  if (typeof descriptor === 'number' && descriptor > 2) return descriptor;
  throw new Error('the socket of the sandbox has no descriptor');
}

function give(child: { readonly stdio: readonly unknown[] }, descriptor: number, content: string | Uint8Array): void {
  const stream = child.stdio[descriptor] as Writable | null;
  // A sandbox that does not start closes its end; why is on its standard error.
  stream?.on('error', () => undefined).end(content);
}
