/**
 * Where server processes live: what each of them is given (files, a way out, limits), and what of that
 * was really obtained on this machine.
 *
 * The gateway asks for a house for each server process, in the name of the principal that it will serve,
 * and knows nothing else about sandboxes.
 *
 * @module
 */
import type { ChildProcessWithoutNullStreams } from 'node:child_process';
import type { EgressCount } from '../egress/egress-proxy.ts';

/** How to start the server, before it is known where. */
export interface ServerTemplate {
  readonly command: string;
  readonly args: readonly string[];
  /** Absent: the server's own data directory. */
  readonly workingDirectory?: string;
  /** From the manifest; a base is added, see `launch-environment.ts`. */
  readonly environment: Readonly<Record<string, string>>;
  /** Directories and files that the server may read, besides those of the system. */
  readonly readable: readonly string[];
  /** Unpacked root of a container image, in place of the system's. */
  readonly root?: string;
  /** Port of the server's own loopback interface, where it speaks Streamable HTTP instead of stdio. */
  readonly httpPort?: number;
}

/** What surrounds the server, as it is attested. */
export interface Obtained {
  readonly process: 'bwrap' | 'none';
  /** Whether system calls are filtered. */
  readonly seccomp: boolean;
  /** Whether memory and processes are limited by the kernel. */
  readonly cgroup: boolean;
  /** Where the server's files are: in the clear on a disk, in memory, or encrypted on a disk. */
  readonly volume: 'directory' | 'ephemeral' | 'encrypted';
}

/** What one server process is given. */
export interface House {
  /** Starts the server; once for each house. */
  start(): ChildProcessWithoutNullStreams;
  /** Where the gateway reaches a server that speaks HTTP: a Unix socket, or a port of this machine. */
  readonly http?: { readonly socketPath: string } | { readonly port: number };
  /** What went out, by destination. */
  egress(): ReadonlyMap<string, Readonly<EgressCount>>;
  /** Why the sandbox itself ended the server, where it did; asked after its end. */
  verdict(): string | undefined;
  /** Takes everything back, after the server has ended. Never rejects. */
  dispose(): Promise<void>;
}

export interface Housing {
  readonly obtained: Obtained;
  /** A house for a process that serves this principal. Rejects where it cannot be had. */
  house(principal: string): Promise<House>;
  /** Takes back what outlives single houses. Idempotent. */
  close(): Promise<void>;
}
