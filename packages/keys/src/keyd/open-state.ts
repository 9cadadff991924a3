/**
 * The sealed store of the key service, and who remembers how far it has got.
 *
 * @module
 */
import { sign } from 'node:crypto';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { AnchorAccess, FreshnessAnchor } from '@vitrine/attester';
import { type AnchorTerms, UsageError } from '@vitrine/documents';
import { openSealedStore, type SealedStore, StorageError } from '@vitrine/storage';
import { openAnchoredState, standingOf } from '../anchor/anchored-state.ts';
import { type LastingClock, openLastingClock } from '../anchor/lasting-clock.ts';
import { type LastingState, unanchoredState } from '../anchor/lasting-state.ts';
import type { AppRoot } from '../app-root/app-root.ts';
import type { DerivationPath } from '../app-root/derive.ts';
import { privateKeyObject, rawPublicKey } from '../ring/raw-keys.ts';
import type { KeydOptions } from './contract.ts';

export const STORE_FILE = 'store.sqlite';
/** Also the tenant of what the key service itself keeps. */
export const STORE_NAME = 'key-service';

/** What lasts of the key service. */
export interface OpenState {
  readonly store: SealedStore;
  readonly lasting: LastingState;
  /** There exactly where the manifest names an anchor. */
  readonly anchored?: { readonly description: FreshnessAnchor['description']; readonly clock: LastingClock };
  close(): Promise<void>;
}

/**
 * @param isReceived - Whether the root came by a hand-over, which brings no store: one that is there was copied.
 * @throws UsageError `keys.store-missing`, `keys.no-anchor`, and those of `judgeState`; StateError where the anchor
 *   cannot be asked; StorageError for a store that does not open.
 */
export async function openState(options: KeydOptions, root: AppRoot, isReceived = false): Promise<OpenState> {
  const store = openStore(options, root, isReceived);
  try {
    const terms = options.manifest.anchor;
    if (terms !== undefined) return await openAnchored(options, root, store, terms);
    return { store, lasting: unanchoredState(store), close: async () => store.close() };
  } catch (error) {
    store.close();
    throw error;
  }
}

/**
 * Demands that the state would open, and changes nothing: before the root goes to another manifest or other sources,
 * after which the former ones do not open it any more.
 *
 * @throws As {@link openState}.
 */
export async function requireState(options: KeydOptions, root: AppRoot): Promise<void> {
  const store = openStore(options, root, false);
  try {
    const terms = options.manifest.anchor;
    if (terms === undefined) return;
    const anchor = await openAnchor(options, root, terms);
    try {
      await standingOf({ store, anchor, isFirst: root.isNew });
    } finally {
      await anchor.close().catch(() => undefined);
    }
  } finally {
    store.close();
  }
}

function openStore({ manifest, directory, randomBytes }: KeydOptions, root: AppRoot, isReceived: boolean): SealedStore {
  const file = join(directory, STORE_FILE);
  const isThere = existsSync(file);
  const create = root.isNew || (isReceived && !isThere);
  if (!create && !isThere) throw storeMissing(directory, 'is missing');
  const key = root.derive({ usage: 'store', algorithm: 'aes256', name: STORE_NAME, version: 1, scope: 'service' }, 32);
  try {
    return openSealedStore({ file, key, name: STORE_NAME, create, epoch: manifest.number, randomBytes });
  } catch (error) {
    // A file that was never written to is as good as none.
    throw error instanceof StorageError && error.code === 'storage.missing'
      ? storeMissing(directory, 'has no store in it', error)
      : error;
  } finally {
    key.fill(0);
  }
}

function storeMissing(directory: string, why: string, cause?: unknown): UsageError {
  return new UsageError(
    'keys.store-missing',
    `${join(directory, STORE_FILE)} ${why}, while the root of keys beside it is there; restore it: what was spent, credentials and documents are in it. If the very first start was interrupted, so that there never was one, remove ${directory} and start as that time again, with --genesis or --handover-from`,
    cause === undefined ? undefined : { cause },
  );
}

async function openAnchor({ platform }: KeydOptions, root: AppRoot, terms: AnchorTerms): Promise<FreshnessAnchor> {
  if (platform.openAnchor === undefined) {
    throw new UsageError(
      'keys.no-anchor',
      `the manifest names a freshness anchor of kind ${terms.kind}, and the platform ${platform.source.technology} opens none; take a platform that does, or a manifest without one`,
    );
  }
  return platform.openAnchor(terms, root.id, accessOf(root));
}

async function openAnchored(
  options: KeydOptions,
  root: AppRoot,
  store: SealedStore,
  terms: AnchorTerms,
): Promise<OpenState> {
  const { monotonic } = options;
  const anchor = await openAnchor(options, root, terms);
  try {
    const records = store.collection(STORE_NAME, 'clock');
    const makeClock = (): LastingClock =>
      openLastingClock({ record: records.get('last'), monotonic, time: () => anchor.time?.() });
    let clock: LastingClock | undefined;
    const beside = (): void => {
      clock ??= makeClock();
      records.put('last', clock.record());
    };
    const lasting = await openAnchoredState({ store, anchor, isFirst: root.isNew, beside });
    return {
      store,
      lasting,
      anchored: { description: anchor.description, clock: clock ?? makeClock() },
      close: async () => {
        await lasting.close();
        store.close();
      },
    };
  } catch (error) {
    await anchor.close().catch(() => undefined);
    throw error;
  }
}

const ACCESS_PATH: DerivationPath = {
  usage: 'anchor-access',
  algorithm: 'ed25519',
  name: 'freshness-anchor',
  version: 1,
  scope: 'service',
};

function accessOf(root: AppRoot): AnchorAccess {
  const seed = root.derive(ACCESS_PATH, 32);
  const key = privateKeyObject('ed25519', seed);
  seed.fill(0);
  return { publicKey: rawPublicKey(key), sign: (message) => Uint8Array.from(sign(null, message, key)) };
}
