/**
 * Finds, installs or unpacks the code of a server, measures it, and says how it is started: one function
 * for each kind of source.
 *
 * @module
 */
import { statSync } from 'node:fs';
import path from 'node:path';
import { type ServerSource, UsageError } from '@vitrine/documents';
import { lockedEntry, readLockFile, writeLockEntry } from '../lock-file.ts';
import { directoryEntry, entryLaunch, entryWithin, packageBinary } from '../source/entry.ts';
import { findExecutable, isExecutableFile } from '../source/find-executable.ts';
import { folderModule, MODULE_RUNTIME, moduleLaunch } from '../source/module-entry.ts';
import { type InstalledPackage, installedPackage, type NpmSpec, storedPackageLock } from '../source/npm-store.ts';
import { unpackedImage } from '../source/oci/image-store.ts';
import { measuredCopy } from '../source/path-store.ts';
import { isExactVersion, parseServerSpec } from '../source/server-spec.ts';
import type { ResolveOptions } from './resolve-options.ts';

export interface Located {
  readonly source: ServerSource;
  readonly command: string;
  /** Before the arguments that the manifest names. */
  readonly args: readonly string[];
  /** What the server must be able to read. */
  readonly readable: readonly string[];
  /** Directory that the server starts in; absent for its own data directory. */
  readonly cwd?: string;
  /** Unpacked root of an image, in place of the system's. */
  readonly root?: string;
  /** What the image itself sets. */
  readonly environment?: Readonly<Record<string, string>>;
  /** Where the server's default name comes from. */
  readonly called: string;
  /** The arguments that the manifest names. */
  readonly ownArgs: readonly string[];
}

/** @throws as `resolveManifest`. */
export async function locateServer(options: ResolveOptions): Promise<Located> {
  const { source, command } = options.settings.server;
  if (command !== undefined) return locateCommand(command, options);
  if (source === undefined) throw new UsageError('config.server', 'no server was named');
  const spec = parseServerSpec(source);
  switch (spec.kind) {
    case 'npm':
      return locateNpm(spec, options);
    case 'path':
      return locatePath(spec.directory, source, options);
    case 'module':
      return locateModule(spec.place, source, options);
    case 'oci':
      return locateImage(spec.directory, source, options);
  }
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
    readable: readable(installed.directory),
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
    readable: readable(copy.directory),
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
    readable: readable(...commandPaths(options.currentDirectory, ownArgs), file),
    cwd: options.currentDirectory,
    called: path.basename(program),
    ownArgs,
  };
}

async function locateModule(written: string, what: string, options: ResolveOptions): Promise<Located> {
  const place = path.resolve(options.directory, written);
  const isFile = statSync(place, { throwIfNoEntry: false })?.isFile() === true;
  const named = options.settings.server.entry;
  if (isFile && named !== undefined) {
    throw new UsageError('source.entry', `${what} is the module itself; leave "entry" out, or name the folder`);
  }
  const directory = isFile ? path.dirname(place) : place;
  const copy = await measuredCopy(directory, path.join(options.stateDirectory, 'copies'), options.onProgress);
  const wanted = isFile ? path.basename(place) : folderModule(copy.directory, named, what);
  const entry = entryWithin(copy.directory, copy.directory, wanted, what);
  return {
    source: { kind: 'module', tree: copy.tree, entry },
    ...moduleLaunch(copy.directory, entry, what),
    readable: readable(copy.directory, ...MODULE_RUNTIME),
    cwd: copy.directory,
    called: path.basename(directory),
    ownArgs: options.settings.server.args ?? [],
  };
}

/** Arguments of the configuration take the place of the image's own, as those after the name of a container do. */
async function locateImage(written: string, what: string, options: ResolveOptions): Promise<Located> {
  const directory = path.resolve(options.directory, written);
  const image = await unpackedImage({
    directory,
    what,
    store: path.join(options.stateDirectory, 'images'),
    architecture: process.arch,
    onProgress: options.onProgress,
  });
  const ownArgs = options.settings.server.args ?? [];
  const { entrypoint, cmd, environment, workingDirectory } = image.config;
  const started = ownArgs.length > 0 && entrypoint.length > 0 ? entrypoint : [...entrypoint, ...cmd];
  const [command, ...args] = started;
  if (command === undefined) {
    throw new UsageError('source.image', `${what}: the image says neither an entry point nor a command`);
  }
  return {
    source: { kind: 'oci', image: image.digest, tree: image.tree, platform: `linux-${process.arch}`, command: started },
    command,
    args,
    readable: [],
    root: image.root,
    environment,
    cwd: workingDirectory,
    called: path.basename(directory),
    ownArgs,
  };
}

/**
 * What a command that is not measured may read: where it runs, the folder of its script, and what else its
 * arguments name. Of the whole file system nothing is made of it, nor of its top.
 */
function commandPaths(currentDirectory: string, args: readonly string[]): readonly string[] {
  const named = args.flatMap((argument, index) => {
    if (!path.isAbsolute(argument)) return [];
    const found = statSync(argument, { throwIfNoEntry: false });
    if (found === undefined) return [];
    return [index === 0 && found.isFile() ? path.dirname(argument) : argument];
  });
  return [currentDirectory, ...named].filter((one) => path.dirname(one) !== one);
}

/** What the server may read, with this Node: many programs start it by its name. */
function readable(...paths: readonly string[]): readonly string[] {
  return [...new Set([...paths, process.execPath])];
}
