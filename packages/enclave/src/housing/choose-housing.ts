/**
 * Chooses the best housing that this machine gives, and refuses to start where the manifest demands more.
 *
 * @module
 */
import { existsSync } from 'node:fs';
import path from 'node:path';
import { type Manifest, UsageError } from '@vitrine/documents';
import type { KeyService } from '@vitrine/keys/client';
import type { EgressCredentials } from '../egress/credential-egress.ts';
import { findControlGroups } from '../sandbox/control-group.ts';
import { probeSandbox } from '../sandbox/probe.ts';
import { findExecutable } from '../source/find-executable.ts';
import { directHousing } from './direct-housing.ts';
import { type Housing, needsKeySocket, type ServerTemplate } from './housing.ts';
import { type NodeLibraries, nodeLibraries } from './node-libraries.ts';
import { ownDirectory } from './own-directory.ts';
import { type SignerSettings, sandboxedHousing } from './sandboxed-housing.ts';
import { createVolumes } from './volumes.ts';

export interface HousingRequest {
  readonly template: ServerTemplate;
  readonly manifest: Manifest;
  /** `none`: no sandbox, although one may be had. */
  readonly sandbox: 'best' | 'none';
  /** The server's data where there is no sandbox; ciphertext of volumes is beside it. */
  readonly dataDirectory: string;
  /** A short-lived directory of this process, with a short path. */
  readonly runDirectory: string;
  readonly platform: NodeJS.Platform;
  readonly architecture: string;
  /** The Node of this process. */
  readonly node: string;
  /** Of this process; for finding programs, and Windows. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** All addresses of a host name. */
  readonly resolve: (host: string) => Promise<readonly string[]>;
  /** One line for the operator. */
  readonly onLog: (line: string) => void;
  /** Gives the keys of encrypted volumes, and credentials to the egress proxies. */
  readonly keys: Pick<KeyService, 'volumeKey' | 'credential'>;
  /** Absolute path of the signer's program; absent: there is none, and a manifest that wants one is refused. */
  readonly signerProgram?: string;
}

export interface Chosen {
  readonly housing: Housing;
  /** Why there is no sandbox, where there is none. */
  readonly why?: string;
}

/** @throws UsageError with code `sandbox.unavailable` where the manifest demands what cannot be had. */
export async function chooseHousing(request: HousingRequest): Promise<Chosen> {
  const { manifest, template } = request;
  const found = await probe(request);
  if (found.process === 'none') {
    const demand = firstDemand(manifest);
    if (demand !== undefined) throw unavailable(demand, found.why);
    if (template.httpPort !== undefined && manifest.isolation !== 'shared') {
      throw new UsageError(
        'sandbox.port',
        `without a sandbox (${found.why}) only one process can listen on port ${template.httpPort} of this machine, so callers cannot have one each: write "isolation: shared", or let the server speak over stdio`,
      );
    }
    return {
      housing: directHousing({
        template,
        dataDirectory: request.dataDirectory,
        platform: request.platform,
        systemRoot: request.environment['SystemRoot'],
        keySocket: needsKeySocket(manifest),
      }),
      why: found.why,
    };
  }
  let libraries: NodeLibraries | undefined;
  const groups = findControlGroups();
  const { memory, processes, cpu } = manifest.limits ?? {};
  const demandsLimits = memory !== undefined || processes !== undefined || cpu !== undefined;
  if (groups === undefined && demandsLimits) {
    throw unavailable('limits of memory, processes or processor time', 'no control group can be made here');
  }
  const housing = sandboxedHousing({
    template,
    bubblewrap: found.bubblewrap,
    architecture: found.seccomp && isFiltered(request.architecture) ? request.architecture : undefined,
    groups,
    limits: {
      memory: (memory ?? DEFAULT_MEMORY_MIB) * BYTES_PER_MIB,
      processes: processes ?? DEFAULT_PROCESSES,
      ...(cpu === undefined ? {} : { cpu }),
    },
    egress: manifest.egress ?? [],
    ...credentials(request),
    // A name that the server makes up can hold what users sent it.
    tellsDestinations: manifest.logs?.child === 'operator',
    resolve: request.resolve,
    ...(manifest.data === 'encrypted' ? { volumes: volumes(request) } : {}),
    runDirectory: request.runDirectory,
    node: request.node,
    nodeLibraries: () => {
      libraries ??= nodeLibraries();
      return libraries;
    },
    keySocket: needsKeySocket(manifest),
    ...signer(request),
    onLog: request.onLog,
  });
  // Nothing is made before it is certain that all of it can be had.
  await ownDirectory(request.runDirectory);
  return { housing };
}

/** Why there is no sandbox where one might be had. */
const NOT_WANTED = 'none is wanted';
/** A Node server takes 50 to 100 MB; one GB is far above what a tool server needs. */
const DEFAULT_MEMORY_MIB = 1024;
/** Multiplied, since shifting is in 32 bits. */
const BYTES_PER_MIB = 1024 * 1024;
const DEFAULT_PROCESSES = 256;

type Found =
  | { readonly process: 'none'; readonly why: string }
  | { readonly process: 'bwrap'; readonly seccomp: boolean; readonly bubblewrap: string };

async function probe({ sandbox, platform, architecture, environment }: HousingRequest): Promise<Found> {
  if (sandbox === 'none') return { process: 'none', why: NOT_WANTED };
  const bubblewrap = findExecutable('bwrap', environment['PATH'] ?? '');
  const found = await probeSandbox({ bubblewrap, platform, architecture });
  if (found.process === 'none' || bubblewrap === undefined) {
    return found.process === 'none' ? found : { process: 'none', why: 'bubblewrap (bwrap) is not installed' };
  }
  return { ...found, bubblewrap };
}

/** What cannot be had without a sandbox. */
function firstDemand({ sandbox, data, egress, credentials, signer, limits, server }: Manifest): string | undefined {
  if (sandbox === 'bwrap') return 'a sandbox';
  if (server.source.kind === 'oci') return 'a container image as the root of the file system';
  if (data !== undefined) return `data: ${data}`;
  if (egress !== undefined) return 'a limit of where the server may connect to (egress)';
  if (credentials !== undefined)
    return 'credentials that the server does not see, which the way out of the sandbox adds';
  if (signer !== undefined) return 'a signer on a loopback interface of the server’s own';
  if (limits?.memory !== undefined || limits?.processes !== undefined || limits?.cpu !== undefined) {
    return 'limits of memory, processes or processor time';
  }
  return undefined;
}

function volumes(request: HousingRequest): ReturnType<typeof createVolumes> {
  const gocryptfs = findExecutable('gocryptfs', request.environment['PATH'] ?? '');
  if (gocryptfs === undefined) throw unavailable('data: encrypted', 'gocryptfs is not installed');
  if (!existsSync('/dev/fuse')) throw unavailable('data: encrypted', 'this machine has no /dev/fuse');
  return createVolumes({
    gocryptfs,
    directory: `${request.dataDirectory}.encrypted`,
    mounts: path.join(request.runDirectory, 'volumes'),
    volumeKey: (volume) => request.keys.volumeKey(volume),
  });
}

function credentials({ manifest, keys }: HousingRequest): { readonly credentials?: EgressCredentials } {
  if (manifest.credentials === undefined) return {};
  return { credentials: { specs: manifest.credentials, value: (name) => keys.credential(name) } };
}

function signer({ manifest, signerProgram }: HousingRequest): { readonly signer?: SignerSettings } {
  if (manifest.signer === undefined) return {};
  if (signerProgram === undefined) throw unavailable('a signer', 'its program is not installed');
  return { signer: { ...manifest.signer, program: signerProgram } };
}

function isFiltered(architecture: string): architecture is 'x64' | 'arm64' {
  return architecture === 'x64' || architecture === 'arm64';
}

function unavailable(what: string, why: string): UsageError {
  return new UsageError(
    'sandbox.unavailable',
    why === NOT_WANTED
      ? `the configuration demands ${what}, which needs a sandbox, and the command line says that there is to be none`
      : `the configuration demands ${what}, which cannot be had here: ${why}. \`vitrine doctor\` says what is missing`,
  );
}
