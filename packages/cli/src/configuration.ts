/**
 * `vitrine.yaml` for the commands that read it: where it is, and what it comes to. `run`, `config` and
 * `init` go through here, so that what is shown is what will run.
 *
 * @module
 */
import { access } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import {
  CONFIGURATION_NAME,
  type ReadConfiguration,
  type Resolved,
  readConfiguration,
  resolveManifest,
  type Settings,
} from '@vitrine/enclave';
import { userHome } from './home.ts';
import { clean } from './terminal.ts';
import { VERSION } from './version.ts';

/** The file that was named, else `vitrine.yaml` of the current directory if there is one. */
export async function findConfiguration(file: string | undefined): Promise<ReadConfiguration | undefined> {
  if (file !== undefined) return { file, configuration: await readConfiguration(file) };
  const found = await access(CONFIGURATION_NAME).then(
    () => true,
    () => false,
  );
  return found ? { file: CONFIGURATION_NAME, configuration: await readConfiguration(CONFIGURATION_NAME) } : undefined;
}

export interface ResolveHere {
  readonly settings: Settings;
  /** The configuration file, beside which `vitrine.lock` is; absent where flags said everything. */
  readonly file?: string;
  /** Whether an exact version is written to `vitrine.lock`, too. */
  readonly lock: boolean;
  /** Whether npm must not ask the registry. */
  readonly offline?: boolean;
}

/** Finds, installs and measures the code, with a line on stderr for each step that may take long. */
export function resolveHere({ settings, file, lock, offline }: ResolveHere): Promise<Resolved> {
  return resolveManifest({
    settings,
    directory: file === undefined ? process.cwd() : dirname(resolve(file)),
    lockExactVersions: lock,
    currentDirectory: process.cwd(),
    stateDirectory: userHome(),
    versions: { vitrine: VERSION, node: process.versions.node },
    environment: offline === true ? { ...process.env, npm_config_offline: 'true' } : process.env,
    onProgress: progress,
  });
}

/** One line on stderr for a person who waits. */
export function progress(text: string): void {
  process.stderr.write(`vitrine: ${clean(text)}\n`);
}
