/**
 * The store of installed npm packages: `<store>/<package>/<version>-<short hash>/`, each with `tree/` (what
 * was installed, read-only) and `store.json` (what it is, and its tree digest).
 *
 * A directory appears under its final name complete or not at all: npm works in a temporary one, which is
 * renamed at the end. Two runs at the same time both install; one of them wins, and both use that.
 * Every use measures the tree again: a changed byte is a refusal. Install scripts never run.
 *
 * @module
 */
import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import {
  hex,
  type Infer,
  type JsonValue,
  object,
  oneOf,
  parseDocument,
  parseStrictJson,
  text,
  UsageError,
  type VitrineError,
} from '@vitrine/documents';
import { LockMismatchError } from '../errors.ts';
import type { LockEntry } from '../lock-file.ts';
import { findNpm, runNpm } from './npm-command.ts';
import { npmFailure } from './npm-failure.ts';
import { formatPackageLock, lockedPackage, packageLockDigest } from './package-lock.ts';
import { isExactVersion, type ServerSpec } from './server-spec.ts';
import { stagingDirectory } from './staging.ts';
import { removalCommand, removeTree, sealTree } from './tree-copy.ts';
import { treeDigest } from './tree-digest.ts';

export type NpmSpec = Extract<ServerSpec, { kind: 'npm' }>;

export interface StoreOptions {
  /** Directory of the store; made when missing. */
  readonly store: string;
  /** Such as `linux-x64`. */
  readonly platform: string;
  /** Of this process: npm and its settings are found through it. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly onProgress: (text: string) => void;
}

/** A package in the store, just measured. */
export interface InstalledPackage {
  /** Root of the measured tree. */
  readonly directory: string;
  readonly version: string;
  readonly integrity: string;
  readonly lockfile: string;
  readonly tree: string;
}

const recordShape = object({
  type: oneOf('vitrine/store/v1'),
  package: text(),
  version: text(),
  integrity: text('a subresource integrity value', /^sha512-[A-Za-z0-9+/]+={0,2}$/),
  lockfile: hex(48),
  platform: text(),
  tree: hex(48),
});
type StoreRecord = Infer<typeof recordShape>;

const FLAGS: readonly string[] = [
  '--ignore-scripts',
  '--no-audit',
  '--no-fund',
  '--omit=dev',
  '--omit-lockfile-registry-resolved',
  '--package-lock',
  '--save',
  '--save-exact',
  '--bin-links',
  '--install-strategy=hoisted',
  '--no-global',
  '--no-dry-run',
  '--no-force',
  '--no-legacy-peer-deps',
  '--no-package-lock-only',
  '--loglevel=error',
  '--no-update-notifier',
  '--fetch-retries=1',
  '--fetch-retry-mintimeout=1000',
];

/**
 * The package that `spec` names: from the store when it is there, else installed into it.
 *
 * @param locked - What `vitrine.lock` says about it, if anything.
 * @throws LockMismatchError when the code there is other than locked or recorded.
 * @throws SourceUnavailableError when it has to be fetched and cannot be.
 */
export async function installedPackage(
  spec: NpmSpec,
  locked: LockEntry | undefined,
  options: StoreOptions,
): Promise<InstalledPackage> {
  const shelf = path.join(options.store, spec.package);
  if (locked !== undefined) {
    checkLockEntry(spec, locked);
    const place = path.join(shelf, placeName(locked.version, locked.lockfile, options.platform));
    const found = (await exists(place)) ? place : await install(spec, locked, options);
    return measured(spec, found, locked, options);
  }
  const found = isExactVersion(spec.wanted) ? await newestPlace(shelf, spec.wanted, options.platform) : undefined;
  return measured(spec, found ?? (await install(spec, undefined, options)), undefined, options);
}

/** The npm lock of an installed package, for `vitrine.lock`. */
export async function storedPackageLock(installed: InstalledPackage): Promise<JsonValue> {
  return parseStrictJson(await readFile(path.join(installed.directory, 'package-lock.json'), 'utf8'));
}

function checkLockEntry(spec: NpmSpec, locked: LockEntry): void {
  const row = lockedPackage(locked.packageLock, spec.package);
  const exact = isExactVersion(spec.wanted) && spec.wanted !== locked.version;
  if (
    exact ||
    row.version !== locked.version ||
    row.integrity !== locked.integrity ||
    packageLockDigest(locked.packageLock) !== locked.lockfile
  ) {
    throw mismatch(spec, 'its members contradict each other, so it was edited or damaged');
  }
}

async function measured(
  spec: NpmSpec,
  place: string,
  locked: LockEntry | undefined,
  options: StoreOptions,
): Promise<InstalledPackage> {
  const record = await readRecord(place);
  const directory = path.join(place, 'tree');
  const tree = await treeDigest(directory).catch((cause: unknown) => {
    throw cause instanceof UsageError ? changed(spec, place, cause.message) : cause;
  });
  if (tree !== record.tree) throw changed(spec, place, `expected tree digest ${record.tree}, found ${tree}`);
  const expected = locked?.tree[options.platform];
  if (expected !== undefined && expected !== tree) {
    throw mismatch(spec, `expected tree digest ${expected} on ${options.platform}, installed is ${tree}`);
  }
  const { version, integrity, lockfile } = record;
  const lock = sha384(await readFile(path.join(directory, 'package-lock.json')));
  if (lock !== lockfile)
    throw changed(spec, place, `expected package-lock.json with digest ${lockfile}, found ${lock}`);
  if (
    locked !== undefined &&
    (locked.lockfile !== lockfile || locked.version !== version || locked.integrity !== integrity)
  ) {
    throw mismatch(spec, `expected ${locked.version} (${locked.integrity}), installed is ${version} (${integrity})`);
  }
  return { directory, version, integrity, lockfile, tree };
}

async function install(spec: NpmSpec, locked: LockEntry | undefined, options: StoreOptions): Promise<string> {
  const npm = findNpm(options.environment);
  const temporary = await stagingDirectory(options.store);
  try {
    const tree = path.join(temporary, 'tree');
    await mkdir(tree);
    const exactly = locked === undefined ? {} : { dependencies: { [spec.package]: locked.version } };
    await writePackage(tree, exactly);
    if (locked !== undefined)
      await writeFile(path.join(tree, 'package-lock.json'), formatPackageLock(locked.packageLock));
    options.onProgress(`installing ${spec.written} with npm, install scripts off`);
    const verb = locked === undefined ? ['install'] : ['ci', '--prefer-offline'];
    const what = locked === undefined ? ['--', `${spec.package}@${spec.wanted}`] : [];
    const args = [...verb, ...FLAGS, '--prefix', tree, ...what];
    const outcome = await runNpm(npm, args, tree, options.environment);
    if (outcome.exitCode !== 0) throw npmFailure(spec.written, outcome, locked !== undefined);
    const record = await finish(spec, tree, options);
    if (locked !== undefined && record.lockfile !== locked.lockfile) throw mismatch(spec, 'npm changed the lock file');
    await writeFile(path.join(temporary, 'store.json'), `${JSON.stringify(record, null, 2)}\n`);
    return await publish(temporary, path.join(options.store, spec.package), record);
  } finally {
    await removeTree(temporary);
  }
}

/** Brings what npm left into the one form that does not depend on npm's version, and measures it. */
async function finish(spec: NpmSpec, tree: string, options: StoreOptions): Promise<StoreRecord> {
  const lock = parseStrictJson(await readFile(path.join(tree, 'package-lock.json'), 'utf8'));
  const { version, integrity } = lockedPackage(lock, spec.package);
  if (version === undefined || integrity === undefined || !integrity.startsWith('sha512-')) {
    throw new UsageError(
      'source.integrity',
      `${spec.written}: the registry gives no sha512 integrity for this package, so it cannot be pinned`,
    );
  }
  await writeFile(path.join(tree, 'package-lock.json'), formatPackageLock(lock));
  await writePackage(tree, { dependencies: { [spec.package]: version } });
  // A cache of npm's that nothing reads any more.
  await rm(path.join(tree, 'node_modules', '.package-lock.json'), { force: true });
  options.onProgress(`${spec.written} is version ${version}; measuring what was installed`);
  await sealTree(tree);
  return {
    type: 'vitrine/store/v1',
    package: spec.package,
    version,
    integrity,
    lockfile: packageLockDigest(lock),
    platform: options.platform,
    tree: await treeDigest(tree),
  };
}

async function writePackage(tree: string, members: object): Promise<void> {
  const content = JSON.stringify({ name: 'vitrine-store', private: true, ...members });
  await writeFile(path.join(tree, 'package.json'), `${content}\n`);
}

async function publish(temporary: string, shelf: string, record: StoreRecord): Promise<string> {
  const place = path.join(shelf, placeName(record.version, record.lockfile, record.platform));
  await mkdir(shelf, { recursive: true, mode: 0o700 });
  try {
    await rename(temporary, place);
  } catch (cause) {
    // Another run was faster; what it installed is measured like anything else in the store.
    if (!(await exists(place))) throw cause;
  }
  return place;
}

function placeName(version: string, lockfile: string, platform: string): string {
  return `${version}-${sha384(`${platform}\n${lockfile}`).slice(0, 16)}`;
}

function sha384(content: string | Uint8Array): string {
  return createHash('sha384').update(content).digest('hex');
}

/** The place of this version on this platform that was installed last. */
async function newestPlace(shelf: string, version: string, platform: string): Promise<string | undefined> {
  const names = (await exists(shelf)) ? await readdir(shelf) : [];
  const fitting: { place: string; installed: number }[] = [];
  for (const name of names.filter((one) => one.slice(0, -17) === version).sort()) {
    const place = path.join(shelf, name);
    const record = await readRecord(place);
    if (placeName(version, record.lockfile, platform) !== name) continue;
    fitting.push({ place, installed: (await stat(path.join(place, 'store.json'))).mtimeMs });
  }
  return fitting.sort((left, right) => right.installed - left.installed)[0]?.place;
}

async function readRecord(place: string): Promise<StoreRecord> {
  const file = path.join(place, 'store.json');
  try {
    return parseDocument(await readFile(file, 'utf8'), recordShape, file);
  } catch (cause) {
    throw new LockMismatchError(
      'store.changed',
      `${file} is missing or damaged. To install again, first remove the directory: ${removalCommand(place)}`,
      { cause },
    );
  }
}

async function exists(file: string): Promise<boolean> {
  return stat(file).then(
    () => true,
    () => false,
  );
}

function changed(spec: NpmSpec, place: string, why: string): VitrineError {
  return new LockMismatchError(
    'store.changed',
    `${spec.written}: what is installed in ${place} was changed after it was installed: ${why}. ` +
      `A server that writes beside its own code does this too. To install again, first remove it: ${removalCommand(place)}`,
  );
}

function mismatch(spec: NpmSpec, why: string): VitrineError {
  return new LockMismatchError(
    'lock.mismatch',
    `${spec.written} is not what vitrine.lock says: ${why}. If the change is wanted, remove its entry from vitrine.lock and start again`,
  );
}
