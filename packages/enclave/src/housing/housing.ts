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
import type { BootBinding, Manifest } from '@vitrine/documents';
import type { EgressCount } from '../egress/egress-proxy.ts';
import type { ServerProcess } from '../gateway/server-contract.ts';

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
export type Obtained = BootBinding['sandbox'];

/** A port of the server's loopback interface: through a Unix socket where it has one of its own, else this machine's. */
export interface HttpPlace {
  readonly port: number;
  readonly socketPath?: string;
}

/** What one server process is given. */
export interface House {
  /** Starts the server; once for each house. */
  start(): ChildProcessWithoutNullStreams;
  /** Opens a server that lives in this very process; `start` is not for it. */
  readonly inProcess?: () => ServerProcess;
  /** Where the gateway reaches a server that speaks HTTP. */
  readonly http?: HttpPlace;
  /** What went out, by destination. */
  egress(): ReadonlyMap<string, Readonly<EgressCount>>;
  /** Why the sandbox itself ended the server, where it did; asked after its end. */
  verdict(): string | undefined;
  /** Takes everything back, after the server has ended. Never rejects. */
  dispose(): Promise<void>;
}

export interface Housing {
  readonly obtained: Obtained;
  /** Descriptors of a server process that are sockets to the key service; empty where it has none. */
  readonly keySockets: readonly number[];
  /** A house for a process that serves this principal. Rejects where it cannot be had. */
  house(principal: string): Promise<House>;
  /** Takes back what outlives single houses. Idempotent. */
  close(): Promise<void>;
}

/** Whether servers of this manifest get a socket to the key service. */
export function needsKeySocket({ keys, store, signer }: Manifest): boolean {
  return keys !== undefined || store !== undefined || signer !== undefined;
}
