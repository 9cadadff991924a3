/**
 * From what people wrote to what runs: finds or installs the code, measures it, and gives the manifest that
 * commits to it together with the launch that follows from it and from nothing else.
 *
 * @module
 */
import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { type Manifest, type ServerSource, UsageError } from '@vitrine/documents';
import type { ServerLaunch } from '../gateway/server-process.ts';
import { lockedEntry, readLockFile, writeLockEntry } from '../lock-file.ts';
import { directoryEntry, entryLaunch, entryWithin, packageBinary } from '../source/entry.ts';
import { findExecutable, isExecutableFile } from '../source/find-executable.ts';
import { type InstalledPackage, installedPackage, type NpmSpec, storedPackageLock } from '../source/npm-store.ts';
import { measuredCopy } from '../source/path-store.ts';
import { isExactVersion, parseServerSpec } from '../source/server-spec.ts';
import { launchEnvironment, temporaryDirectory } from './launch-environment.ts';
import { checkPublicValues } from './public-values.ts';
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

export interface Resolved {
  readonly manifest: Manifest;
  readonly launch: ServerLaunch;
}

interface Located {
  readonly source: ServerSource;
  readonly command: string;
  readonly args: readonly string[];
  /** Directory that the server starts in; absent for its own data directory. */
  readonly cwd?: string;
  /** Where the server's default name comes from. */
  readonly called: string;
  /** The arguments that the manifest names. */
  readonly ownArgs: readonly string[];
}

/**
 * @throws UsageError for what the user has to change, SourceUnavailableError for the registry,
 *   LockMismatchError for code that is not what was locked.
 */
export async function resolveManifest(options: ResolveOptions): Promise<Resolved> {
  const { settings } = options;
  const environment = settings.server.environment ?? {};
  const [, ...commandArgs] = settings.server.command ?? [];
  checkPublicValues(settings.server.args ?? commandArgs, environment);

  const located = await locate(options);
  const name = settings.name ?? nameFrom(located.called);
  const dataDirectory = path.join(options.stateDirectory, 'data', name);
  await mkdir(temporaryDirectory(dataDirectory), { recursive: true, mode: 0o700 });
  return {
    manifest: {
      type: 'vitrine/manifest/v1',
      number: settings.number,
      name,
      server: { source: located.source, args: located.ownArgs, environment, transport: 'stdio' },
      sandbox: settings.sandbox,
      runtime: options.versions,
    },
    launch: {
      command: located.command,
      args: [...located.args, ...located.ownArgs],
      cwd: located.cwd ?? dataDirectory,
      environment: launchEnvironment({
        configured: environment,
        command: located.command,
        dataDirectory,
        platform: process.platform,
        systemRoot: options.environment['SystemRoot'],
      }),
    },
  };
}

async function locate(options: ResolveOptions): Promise<Located> {
  const { source, command } = options.settings.server;
  if (command !== undefined) return locateCommand(command, options);
  if (source === undefined) throw new UsageError('config.server', 'no server was named');
  const spec = parseServerSpec(source);
  return spec.kind === 'npm' ? locateNpm(spec, options) : locatePath(spec.directory, source, options);
}

async function locateNpm(spec: NpmSpec, options: ResolveOptions): Promise<Located> {
  const platform = `${process.platform}-${process.arch}`;
  const lockFile = path.join(options.directory, 'vitrine.lock');
  const locked = lockedEntry(await readLockFile(lockFile), spec.written);
  const installed = await installedPackage(spec, locked, {
    store: path.join(options.stateDirectory, 'store'),
    platform,
    environment: options.environment,
    onProgress: options.onProgress,
  });
  const { version, integrity, lockfile, tree } = installed;
  const binary = packageBinary(packageDirectory(installed, spec), options.settings.server.bin, spec.written);
  const entry = entryWithin(installed.directory, packageDirectory(installed, spec), binary, spec.written);

  const wanted = locked !== undefined || options.lockExactVersions || !isExactVersion(spec.wanted);
  if (wanted && locked?.tree[platform] !== tree) {
    const packageLock = await storedPackageLock(installed);
    const trees = { ...locked?.tree, [platform]: tree };
    await writeLockEntry(lockFile, spec.written, { version, integrity, lockfile, tree: trees, packageLock });
    options.onProgress(`${spec.written} is locked to ${version} in ${lockFile}`);
  }
  return {
    source: { kind: 'npm', package: spec.package, version, integrity, lockfile, tree, platform, entry },
    ...entryLaunch(installed.directory, entry),
    called: spec.package,
    ownArgs: options.settings.server.args ?? [],
  };
}

function packageDirectory(installed: InstalledPackage, spec: NpmSpec): string {
  return path.join(installed.directory, 'node_modules', ...spec.package.split('/'));
}

async function locatePath(written: string, what: string, options: ResolveOptions): Promise<Located> {
  const directory = path.resolve(options.directory, written);
  const copy = await measuredCopy(directory, path.join(options.stateDirectory, 'copies'), options.onProgress);
  const wanted = directoryEntry(copy.directory, options.settings.server.entry, what);
  const entry = entryWithin(copy.directory, copy.directory, wanted, what);
  return {
    source: { kind: 'path', tree: copy.tree, entry },
    ...entryLaunch(copy.directory, entry),
    cwd: copy.directory,
    called: path.basename(directory),
    ownArgs: options.settings.server.args ?? [],
  };
}

function locateCommand(command: readonly string[], options: ResolveOptions): Located {
  const [program = '', ...ownArgs] = command;
  const file = /[/\\]/.test(program)
    ? path.resolve(options.currentDirectory, program)
    : findExecutable(program, options.environment['PATH'] ?? '');
  if (file === undefined || !isExecutableFile(file)) {
    throw new UsageError(
      'source.command',
      file === undefined
        ? `the command ${JSON.stringify(program)} was not found on PATH`
        : `${file} is not an executable file`,
    );
  }
  return {
    source: { kind: 'command', command: program },
    command: file,
    args: [],
    cwd: options.currentDirectory,
    called: path.basename(program),
    ownArgs,
  };
}

/** `@scope/server-x` gives `server-x`; what a manifest's name may not hold is left out. */
function nameFrom(called: string): string {
  const last = called.split('/').at(-1) ?? '';
  const name = last
    .replaceAll(/[^A-Za-z0-9._-]/g, '-')
    .replace(/^[^A-Za-z0-9]+/, '')
    .slice(0, 64);
  return name === '' ? 'server' : name;
}
