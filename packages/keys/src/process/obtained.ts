/**
 * What really separates the key service from other processes, measured by itself and inside.
 *
 * Specification: Linux, proc(5): the files below `/proc/<pid>` belong to root where a process is not
 * dumpable, but for the directory itself.
 *
 * @module
 */
import { readlinkSync, statSync } from 'node:fs';
import { networkInterfaces } from 'node:os';

/** What the key service obtained; shown to the operator. */
export interface ObtainedIsolation {
  /** Whether it has a user of its own. */
  readonly uid: 'own' | 'shared';
  /** `none`: it has a network of its own, with no interface but loopback. */
  readonly network: 'none' | 'host';
  /** Whether another process of the same user could read its memory. */
  readonly dumpable: boolean;
}

/** Where somebody stands, to be compared with. Members are absent where the system has no such thing. */
export interface Standpoint {
  readonly uid?: number;
  /** Names the network of the process. */
  readonly network?: string;
}

export function standpoint(): Standpoint {
  const uid = process.getuid?.();
  const network = networkName();
  return { ...(uid === undefined ? {} : { uid }), ...(network === undefined ? {} : { network }) };
}

/** Measures this process. @param starter - Where the process stands that started it. */
export function measureIsolation(starter: Standpoint): ObtainedIsolation {
  const own = standpoint();
  const interfaces = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? []);
  const hasOwnNetwork = own.network !== undefined && starter.network !== undefined && own.network !== starter.network;
  return {
    uid: own.uid === undefined || starter.uid === undefined || own.uid === starter.uid ? 'shared' : 'own',
    network: hasOwnNetwork && interfaces.every((address) => address.internal) ? 'none' : 'host',
    dumpable: isDumpable(own.uid),
  };
}

function networkName(): string | undefined {
  try {
    return readlinkSync('/proc/self/ns/net');
  } catch {
    return undefined;
  }
}

function isDumpable(own: number | undefined): boolean {
  // Root may read everything, whatever the file says.
  if (own === undefined || own === 0) return true;
  try {
    return statSync('/proc/self/mem').uid === own;
  } catch {
    return true;
  }
}
