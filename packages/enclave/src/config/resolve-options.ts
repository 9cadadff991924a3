/**
 * What it takes to find out what runs.
 *
 * @module
 */
import type { Manifest } from '@vitrine/documents';
import type { Settings } from './settings.ts';

export interface ResolveOptions {
  readonly settings: Settings;
  /** Directory of `vitrine.yaml`, against which `path:` is read; else the current directory. `vitrine.lock` is here. */
  readonly directory: string;
  /** Whether there is a `vitrine.yaml`: then exact versions are locked too, with all they depend on. */
  readonly lockExactVersions: boolean;
  /** Where a bare command runs. */
  readonly currentDirectory: string;
  /** Vitrine's own directory for this user: stores, and the servers' data. */
  readonly stateDirectory: string;
  readonly versions: Manifest['runtime'];
  /** Of this process; used to find npm and commands, never handed to the server. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Gets one line of text for each step that may take long. */
  readonly onProgress: (text: string) => void;
}
