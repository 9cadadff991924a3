/**
 * The AppRoot: 32 random bytes that everything durable of one application is derived from.
 *
 * It exists outside of this process only wrapped, in key slots. A slot opens for the manifest and the
 * platform that it was made for, and for another manifest only by a release that its upgrade policy admits;
 * one that does not open is an error, never a reason to make another root. Making the first one is asked for
 * explicitly. Re-wrapping changes the slots and nothing that is derived.
 *
 * JavaScript cannot erase reliably; `close` overwrites what this module holds. The boundary is the process.
 *
 * @module
 */
import { hash } from 'node:crypto';
import type { RootSecretSource } from '@vitrine/attester';
import { normalUpgrade, type RootSource, toHex, type UpgradePolicy, UsageError } from '@vitrine/documents';
import { type DerivationPath, derive } from './derive.ts';
import { formatKeyslots, type Keyslot, parseKeyslots } from './keyslot-document.ts';
import { type KeyslotFile, keyslotFile } from './keyslot-file.ts';
import { type NumberedManifest, readRelease, refused } from './release.ts';
import { findSlot } from './slot-choice.ts';
import { openSlot, sealSlot } from './wrap.ts';

export interface AppRoot {
  /** Names the root and tells nothing of it: SHA-256 of a value derived for this, lower-case hexadecimal. */
  readonly id: string;
  /** Whether it was made by this call. */
  readonly isNew: boolean;
  /** What wraps it now, as it is attested. */
  readonly sources: readonly RootSource[];
  /** See {@link derive}. The caller overwrites the result after use. */
  derive(path: DerivationPath, length: number): Uint8Array;
  /**
   * Makes the root open for another manifest, other sources, or both, and for nothing else any more; without
   * either, for the same under a fresh salt and the secrets that the sources give now. The new slot is on the
   * disk and has been seen to open before the old ones go.
   *
   * @throws UsageError for an older manifest, and where the slots changed under this process, or are being
   *   changed by another one.
   */
  rewrap(to: RewrapTarget): Promise<void>;
  /** Lets `use` have the 32 bytes, for a hand-over; the copy is overwritten when it is done. */
  lend<T>(use: (root: Uint8Array) => Promise<T>): Promise<T>;
  /** Overwrites the root. Nothing can be derived any more. Idempotent. */
  close(): void;
}

interface RewrapTarget {
  readonly manifest?: ManifestIdentity;
  readonly sources?: readonly RootSecretSource[];
}

interface ManifestIdentity extends NumberedManifest {
  /** Who can let the next manifest have the root. Absent: `pinned`, nobody. */
  readonly upgrade?: UpgradePolicy;
}

export interface AppRootOptions {
  /** Where `keyslots.json` is. */
  readonly directory: string;
  /** The name in the manifest. */
  readonly appId: string;
  readonly manifestDigest: string;
  readonly manifestNumber: number;
  /** Of the same manifest. Absent: `pinned`. */
  readonly upgrade?: UpgradePolicy;
  /** What admits the running manifest where the root is wrapped for a former one. Judged here. */
  readonly release?: unknown;
  /** All are needed together. */
  readonly sources: readonly RootSecretSource[];
  /**
   * What wrapped the root before, where that changes. A slot that they open is wrapped anew under `sources`
   * before this resolves, and they do not open it any more. No substitute for a release: the slot has to be
   * one for the running manifest, or for one that a release leads away from.
   */
  readonly formerSources?: readonly RootSecretSource[];
  /**
   * Asked with the open root before it is wrapped for another manifest or other sources; where it throws, everything
   * stays as it was.
   */
  readonly beforeRewrap?: (root: AppRoot) => Promise<void>;
  /** The operator's word that a new root is wanted. */
  readonly genesis: boolean;
  /** Cryptographically secure. */
  readonly randomBytes: (length: number) => Uint8Array;
}

const ID_PATH: DerivationPath = {
  usage: 'root-id',
  algorithm: 'identifier',
  name: 'app-root',
  version: 1,
  scope: 'service',
};

/**
 * Opens the root of an application, or makes it. Where a release has admitted the running manifest, the root
 * is wrapped for it, and for the former no more, before this resolves.
 *
 * @throws UsageError `keys.no-root` without slots and without `genesis`; `keys.root-exists` with both;
 *   `keys.manifest-older`, `keys.slot-closed`, `keys.slots-damaged`, `keys.release-missing` and
 *   `keys.release-refused` where there are slots that do not open.
 */
export async function openAppRoot(options: AppRootOptions): Promise<AppRoot> {
  return openAppRootIn(keyslotFile(options.directory), options);
}

/** The same with the file given, for tests that let its writing fail. */
export async function openAppRootIn(file: KeyslotFile, options: Omit<AppRootOptions, 'directory'>): Promise<AppRoot> {
  const { appId, genesis, randomBytes, sources, formerSources } = options;
  const manifest = checkedManifest({
    digest: options.manifestDigest,
    number: options.manifestNumber,
    upgrade: normalUpgrade(options.upgrade),
  });
  checkSources(sources);
  if (formerSources !== undefined) checkSources(formerSources);
  if (formerSources !== undefined && genesis) {
    throw new UsageError(
      'keys.root-source',
      '--genesis makes a root, and --root-from is for one that is there; give one of both',
    );
  }
  const release = options.release === undefined ? undefined : readRelease(options.release);
  if (release !== undefined && genesis) {
    throw refused('--genesis makes a root, and a release is for one that is there; give one of both');
  }
  const found = await file.read();
  if (found === undefined && !genesis) {
    throw new UsageError(
      'keys.no-root',
      `there is no root of keys in ${file.path}; at the very first start, make one with --genesis; otherwise restore the file, since another root means other keys and addresses`,
    );
  }
  if (found === undefined) {
    const drawn = randomBytes(32);
    if (drawn.length !== 32) throw new TypeError(`asked for 32 random bytes and got ${drawn.length}`);
    const root = Uint8Array.from(drawn);
    drawn.fill(0);
    const id = appRootId(root);
    try {
      const slot = await makeSlot(root, id, appId, manifest, sources, randomBytes);
      if (!(await file.create(formatKeyslots([slot])))) throw rootExists(file);
      return rootIn({ file, root, id, isNew: true, slot, sources }, options);
    } catch (cause) {
      root.fill(0);
      throw cause;
    }
  }
  if (genesis) throw rootExists(file);
  const slots = parseKeyslots(found, file.path);
  const running = {
    appId,
    manifest,
    sources,
    ...(formerSources === undefined ? {} : { formerSources }),
    ...(release === undefined ? {} : { release }),
  };
  const { slot, root, sources: opener } = await findSlot(slots, running, file.path);
  try {
    const id = appRootId(root);
    if (id !== slot.rootId) throw new TypeError('a slot opened whose root has another identifier');
    const opened = rootIn({ file, root, id, isNew: false, slot, sources: opener }, options);
    const isForAnother = slot.manifestDigest !== manifest.digest;
    if (isForAnother || opener !== sources) {
      await options.beforeRewrap?.(opened);
      await opened.rewrap({ sources, ...(isForAnother ? { manifest } : {}) });
    } else await finishRewrap(file, found, slots, slot);
    return opened;
  } catch (cause) {
    root.fill(0);
    throw cause;
  }
}

/**
 * Ends what a crash in the middle of re-wrapping has left: where the slot that opened is the one that was
 * written last, the others go; where an older one opened, those of former manifests.
 */
async function finishRewrap(
  file: KeyslotFile,
  found: string,
  slots: readonly Keyslot[],
  opened: Keyslot,
): Promise<void> {
  const kept =
    opened === slots.at(-1) ? [opened] : slots.filter(({ manifestNumber }) => manifestNumber === opened.manifestNumber);
  if (kept.length === slots.length) return;
  try {
    await file.exclusively(async () => {
      if ((await file.read()) === found) await file.replace(formatKeyslots(kept));
    });
  } catch (cause) {
    // Whoever has the file now re-wraps, and leaves nothing of this.
    if (!(cause instanceof UsageError) || cause.code !== 'file.busy') throw cause;
  }
}

/** A root that is open. */
interface OpenedRoot {
  readonly file: KeyslotFile;
  readonly root: Uint8Array;
  readonly id: string;
  readonly isNew: boolean;
  readonly slot: Keyslot;
  /** Those that open the slot. */
  readonly sources: readonly RootSecretSource[];
}

function rootIn(opened: OpenedRoot, options: Omit<AppRootOptions, 'directory'>): AppRoot {
  const { file, root, id, isNew } = opened;
  let closed = false;
  let current: Pick<OpenedRoot, 'slot' | 'sources'> = opened;
  let rewrapping: Promise<void> = Promise.resolve();
  const demandOpen = (): void => {
    if (closed) throw new UsageError('keys.root-closed', 'the root of keys is closed; start the key service again');
  };

  const rewrapNow = async (secret: Uint8Array, to: RewrapTarget): Promise<void> => {
    const sources = to.sources ?? current.sources;
    checkSources(sources);
    const { manifestDigest, manifestNumber, upgrade } = current.slot;
    const from = { digest: manifestDigest, number: manifestNumber, upgrade };
    const manifest = checkedManifest(to.manifest ?? from);
    if (manifest.number < from.number || (manifest.number === from.number && manifest.digest !== from.digest)) {
      throw new UsageError(
        'keys.manifest-older',
        `the root is wrapped for the manifest with number ${from.number}, so it goes to a higher number only, not to ${manifest.number}; raise the number of the new manifest`,
      );
    }
    const before = (await file.read()) ?? '';
    if (!parseKeyslots(before, file.path).some((slot) => slot.sealed === current.slot.sealed)) {
      throw new UsageError('keys.slots-changed', `${file.path} was changed by somebody else; nothing was re-wrapped`);
    }
    const slot = await makeSlot(secret, id, options.appId, manifest, sources, options.randomBytes);
    // The order tells the newer one. Others, left by a crash, have no say any more.
    await file.replace(formatKeyslots([current.slot, slot]));
    const written = parseKeyslots((await file.read()) ?? '', file.path);
    const again = written.find(({ sealed }) => sealed === slot.sealed);
    if (again === undefined || !(await opensTo(secret, again, sources))) {
      await file.replace(before);
      throw new UsageError('keys.slot-unreadable', `the new slot in ${file.path} does not open; the old one was kept`);
    }
    current = { slot, sources };
    await file.replace(formatKeyslots([slot]));
  };

  return Object.freeze({
    id,
    isNew,
    get sources() {
      return current.sources.map(({ description }) => description);
    },
    derive: (path: DerivationPath, length: number) => {
      demandOpen();
      return derive(root, path, length);
    },
    rewrap: (to: RewrapTarget) => {
      const next = rewrapping.then(async () => {
        demandOpen();
        // Closing meanwhile overwrites the root, and zeros must never be what is wrapped.
        const secret = Uint8Array.from(root);
        try {
          await file.exclusively(() => rewrapNow(secret, to));
        } finally {
          secret.fill(0);
        }
      });
      rewrapping = next.catch(() => undefined);
      return next;
    },
    lend: async <T>(use: (secret: Uint8Array) => Promise<T>) => {
      demandOpen();
      const secret = Uint8Array.from(root);
      try {
        return await use(secret);
      } finally {
        secret.fill(0);
      }
    },
    close: () => {
      closed = true;
      root.fill(0);
    },
  });
}

/**
 * Wraps a root that is in use under a fresh salt and the secrets that its sources give now: after one of them
 * was changed, or where an old copy of the slots should open with nothing that still exists.
 *
 * @returns What wraps it now.
 * @throws UsageError as {@link AppRoot.rewrap}.
 */
export async function rewrapRoot(root: AppRoot): Promise<readonly RootSource[]> {
  await root.rewrap({});
  return root.sources;
}

/** A slot that has been seen to open. */
export async function makeSlot(
  root: Uint8Array,
  rootId: string,
  appId: string,
  manifest: ManifestIdentity,
  sources: readonly RootSecretSource[],
  randomBytes: (length: number) => Uint8Array,
): Promise<Keyslot> {
  const context = {
    appId,
    rootId,
    manifestDigest: manifest.digest,
    manifestNumber: manifest.number,
    upgrade: normalUpgrade(manifest.upgrade),
    sources: sources.map(({ description }) => description),
    salt: toHex(randomBytes(32)),
  } as const;
  const slot = await sealSlot(root, context, sources);
  if (await opensTo(root, slot, sources)) return slot;
  throw new UsageError(
    'keys.root-source',
    'the platform gave two different root secrets in a row, so a root under them would be lost; repair its key source',
  );
}

async function opensTo(root: Uint8Array, slot: Keyslot, sources: readonly RootSecretSource[]): Promise<boolean> {
  const opened = await openSlot(slot, sources);
  const same = opened?.every((byte, index) => byte === root[index]) === true;
  opened?.fill(0);
  return same;
}

/** What names a root of 32 bytes: it tells nothing of it. */
export function appRootId(root: Uint8Array): string {
  const value = derive(root, ID_PATH, 32);
  try {
    return toHex(hash('sha256', value, 'buffer'));
  } finally {
    value.fill(0);
  }
}

export function checkedManifest(manifest: ManifestIdentity): ManifestIdentity {
  const { digest, number } = manifest;
  if (/^[0-9a-f]{96}$/.test(digest) && Number.isSafeInteger(number) && number >= 1) return manifest;
  throw new UsageError(
    'keys.manifest',
    'expected a manifest digest of 96 hexadecimal digits and a number of at least 1',
  );
}

export function checkSources(sources: readonly RootSecretSource[]): void {
  const kinds = sources.map(({ description }) => description.kind);
  if (kinds.length > 0 && new Set(kinds).size === kinds.length) return;
  throw new UsageError(
    'keys.root-source',
    `a root needs at least one source of its platform secret, each of another kind, found: ${kinds.join(', ') || 'none'}`,
  );
}

function rootExists(file: KeyslotFile): UsageError {
  return new UsageError(
    'keys.root-exists',
    `${file.path} is there already, and a second root would mean other keys and addresses; start without --genesis`,
  );
}
