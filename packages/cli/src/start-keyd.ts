/**
 * Starts the key service for `vitrine run`: where its code is, what it may read and write.
 *
 * @module
 */
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Manifest } from '@vitrine/documents';
import { type SpawnedKeyService, spawnKeyd } from '@vitrine/keys/client';
import { clean } from './terminal.ts';

const EXTENSION: string = path.extname(fileURLToPath(import.meta.url));
/** Serves Ethereum's methods inside a sandbox. */
export const SIGNER_PROGRAM: string = fileURLToPath(import.meta.resolve('@vitrine/keys/signer-inside'));
const PROGRAM: string = path.join(import.meta.dirname, `keyd${EXTENSION}`);

export interface StartKeyd {
  readonly manifest: Manifest;
  /** `VITRINE_HOME`. */
  readonly home: string;
  readonly genesis: boolean;
  /** Parsed from JSON. */
  readonly release?: unknown;
  /** Absolute path of bubblewrap, where it works. */
  readonly bubblewrap: string | undefined;
}

/** Where the simulator keeps its root and keys. */
function simulatorDirectory(home: string): string {
  return path.join(home, 'simulator');
}

/** Where the root and the store of the server with this name are. */
export function keysDirectory(home: string, name: string): string {
  return path.join(home, 'keys', name);
}

/** @throws UsageError for keys that the manifest names and that cannot be opened. */
export function startKeyd({ manifest, home, genesis, release, bubblewrap }: StartKeyd): Promise<SpawnedKeyService> {
  const directory = keysDirectory(home, manifest.name);
  const simulator = simulatorDirectory(home);
  return spawnKeyd({
    node: process.execPath,
    main: {
      file: PROGRAM,
      args: [simulator, directory],
      // From source, packages are found by a condition of the workspace.
      nodeOptions: process.execArgv.filter((option) => option.startsWith('--conditions=')),
    },
    ...(bubblewrap === undefined ? {} : { bubblewrap }),
    directory,
    writable: [simulator],
    readable: [codeDirectory(import.meta.dirname)],
    manifest,
    genesis,
    ...(release === undefined ? {} : { release }),
    onLog: (line) => process.stderr.write(`keys: ${clean(line)}\n`),
  });
}

/** The outermost `node_modules` that this code is in, else the workspace that it is run from. */
function codeDirectory(here: string): string {
  const parts = here.split(path.sep);
  const at = parts.indexOf('node_modules');
  return at === -1 ? path.resolve(here, '..', '..', '..') : parts.slice(0, at + 1).join(path.sep);
}
