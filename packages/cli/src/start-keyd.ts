/**
 * Starts the key service for `vitrine run`: where its code is, what it may read and write, and what of the
 * platform is its own.
 *
 * @module
 */
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import type { DenyList, Manifest } from '@vitrine/documents';
import { KEYD_USER, type SpawnedKeyService, spawnKeyd } from '@vitrine/keys/client';
import type { HandoverWay } from './handover.ts';
import type { PlatformChoice } from './platform/choice.ts';
import { writeKeydArguments } from './platform/keyd-arguments.ts';
import { platformNeeds } from './platform/needs.ts';
import { removedAtEnd } from './platform/passing.ts';
import { openRelays } from './platform/relay.ts';
import { clean } from './terminal.ts';

const EXTENSION: string = path.extname(fileURLToPath(import.meta.url));
/** Serves Ethereum's methods inside a sandbox. */
export const SIGNER_PROGRAM: string = fileURLToPath(import.meta.resolve('@vitrine/keys/signer-inside'));
const PROGRAM: string = path.join(import.meta.dirname, `keyd${EXTENSION}`);

export interface StartKeyd {
  readonly manifest: Manifest;
  /** `VITRINE_HOME`. */
  readonly home: string;
  readonly platform: PlatformChoice;
  /** The program that runs it; absent: the one of this package. */
  readonly program?: string;
  readonly genesis: boolean;
  /** Parsed from JSON. */
  readonly release?: unknown;
  /** Who must not have the root in a hand-over. */
  readonly denyLists: readonly DenyList[];
  /** How the root comes from another enclave. */
  readonly handover?: HandoverWay;
  /** Absolute path of bubblewrap, where it works. */
  readonly bubblewrap: string | undefined;
}

/** Where the root and the store of the server with this name are. */
export function keysDirectory(home: string, name: string): string {
  return path.join(home, 'keys', name);
}

/** @throws UsageError for keys that the manifest names and that cannot be opened. */
export async function startKeyd(options: StartKeyd): Promise<SpawnedKeyService> {
  const { manifest, home, platform, genesis, release, bubblewrap } = options;
  const needs = platformNeeds(platform, manifest.anchor, existsSync);
  const isRoot = process.getuid?.() === 0;
  const relays = await openRelays(
    needs.urls,
    isRoot && bubblewrap !== undefined && !needs.root ? KEYD_USER : undefined,
    (url, code) => process.stderr.write(`vitrine: ${url} cannot be reached (${code})\n`),
  );
  // Nothing can open it at the next start, so it must not look as if it could.
  const passing = platform.roots.some(({ kind }) => kind === 'ephemeral')
    ? await mkdtemp(path.join(tmpdir(), 'vitrine-keys-'))
    : undefined;
  const directory = passing ?? keysDirectory(home, manifest.name);
  const simulator = path.join(home, 'simulator');
  const keepFolders = removedAtEnd([relays.directory, ...(passing === undefined ? [] : [passing])]);
  const cleanUp = async (): Promise<void> => {
    await relays.close();
    if (passing !== undefined) await rm(passing, { recursive: true, force: true });
    keepFolders();
  };
  try {
    const service = await spawnKeyd({
      node: process.execPath,
      main: {
        file: options.program ?? PROGRAM,
        args: writeKeydArguments({
          platform,
          simulator,
          directory,
          newSecrets: genesis || options.handover !== undefined || platform.formerRoots !== undefined,
          waysOut: Object.fromEntries(needs.urls.map((url) => [url, relays.socketFor(url)])),
          ...(needs.tpm === undefined ? {} : { tpm: needs.tpm }),
        }),
        // From source, packages are found by a condition of the workspace.
        nodeOptions: process.execArgv.filter((option) => option.startsWith('--conditions=')),
      },
      ...(bubblewrap === undefined ? {} : { bubblewrap }),
      directory,
      writable: platform.name === 'simulator' || options.program !== undefined ? [simulator] : [],
      readable: [codeDirectory(import.meta.dirname), relays.directory],
      devices: needs.devices,
      ...(needs.root ? { staysRoot: true } : {}),
      manifest,
      genesis,
      ...(release === undefined ? {} : { release }),
      ...(options.denyLists.length === 0 ? {} : { denyLists: options.denyLists }),
      ...(options.handover === undefined ? {} : { handover: options.handover }),
      onLog: (line) => process.stderr.write(`keys: ${clean(line)}\n`),
    });
    return {
      ...service,
      close: async () => {
        await service.close();
        await cleanUp();
      },
    };
  } catch (error) {
    await cleanUp();
    throw error;
  }
}

/** The outermost `node_modules` that this code is in, else the workspace that it is run from. */
function codeDirectory(here: string): string {
  const parts = here.split(path.sep);
  const at = parts.indexOf('node_modules');
  return at === -1 ? path.resolve(here, '..', '..', '..') : parts.slice(0, at + 1).join(path.sep);
}
