/**
 * Credentials and imported keys: taken in sealed, kept in the sealed store, in effect at once and after each
 * restart.
 *
 * A value is used only while its entry in the manifest is the one that the owner handed it in for: owner,
 * hosts, policy. A release that changes the entry does not take the value along; its owner has to seal it
 * again. Versions only rise, whatever the manifest says in between.
 *
 * @module
 */
import {
  canonicalBytes,
  documentDigest,
  fromBase64Url,
  hex,
  integer,
  type Manifest,
  object,
  parseDocument,
  type SecretPurpose,
  type Shape,
  text,
  toBase64Url,
  UsageError,
  VitrineError,
} from '@vitrine/documents';
import type { KeyRing } from '../ring/key-ring.ts';
import { openSealedSecret } from '../secrets/open-secret.ts';
import type { SealedSecretReceipt } from '../service.ts';
import type { OpenState } from './open-state.ts';

export interface StoredSecrets {
  /** Of the manifest, where it was handed in. */
  credential(name: string): string | undefined;
  /** @throws UsageError as {@link openSealedSecret}, or where the key is not the manifest's. */
  accept(sealed: unknown): Promise<SealedSecretReceipt>;
}

export interface StoredSecretsOptions {
  readonly manifest: Manifest;
  readonly manifestDigest: string;
  readonly state: Pick<OpenState, 'store' | 'lasting'>;
  readonly ring: KeyRing;
  /** X25519, 32 bytes. */
  readonly hpkePrivateKey: Uint8Array;
}

interface StoredSecret {
  /** SHA-384 of the manifest's entry. */
  readonly entry: string;
  readonly version: number;
  readonly value: string;
}

const TENANT = 'key-service';
const COLLECTION = 'secrets';
const stored: Shape<StoredSecret> = object({
  entry: hex(48),
  version: integer(1),
  /** base64url. */
  value: text('unpadded base64url', /^[A-Za-z0-9_-]*$/),
});

/** Puts into effect what was handed in before. */
export async function openStoredSecrets(options: StoredSecretsOptions): Promise<StoredSecrets> {
  const { manifest, state, ring } = options;
  const records = state.store.collection(TENANT, COLLECTION);
  const credentials = new Map<string, string>();
  /** Those that are on the disk and were not acknowledged: they may be handed in again as they are. */
  const unconfirmed = new Set<string>();
  let last: Promise<unknown> = Promise.resolve();

  const entryOf = (purpose: SecretPurpose, name: string): { readonly owner: string } | undefined => {
    if (purpose === 'credential') return own(manifest.credentials, name);
    const key = own(manifest.keys, name);
    return key?.origin === 'imported' ? key : undefined;
  };
  const ownerOf = (purpose: SecretPurpose, name: string): string | undefined => entryOf(purpose, name)?.owner;
  const read = (purpose: SecretPurpose, name: string): StoredSecret | undefined => {
    const bytes = records.get(`${purpose}/${name}`);
    return bytes && parseDocument(new TextDecoder().decode(bytes), stored, 'a record of the key service');
  };
  const use = async (purpose: SecretPurpose, name: string, value: Uint8Array): Promise<void> => {
    if (purpose === 'credential') credentials.set(name, new TextDecoder('utf-8', { fatal: true }).decode(value));
    else await ring.importKey(name, value);
  };
  const take = async (sealed: unknown): Promise<SealedSecretReceipt> => {
    const { manifestDigest, hpkePrivateKey } = options;
    const lastVersion = (purpose: SecretPurpose, name: string): number =>
      (read(purpose, name)?.version ?? 0) - (unconfirmed.has(`${purpose}/${name}`) ? 1 : 0);
    const opened = await openSealedSecret(sealed, { manifestDigest, hpkePrivateKey, ownerOf, lastVersion });
    const { purpose, name, version, value } = opened;
    try {
      // A key that is not the manifest's must not use up the version.
      if (purpose === 'key') await importKey(ring, name, value);
      const entry = await documentDigest(entryOf(purpose, name) ?? {});
      const record: StoredSecret = { entry, version, value: toBase64Url(value) };
      const place = `${purpose}/${name}`;
      try {
        await state.lasting.commit(() => records.put(place, canonicalBytes(record)));
        unconfirmed.delete(place);
      } catch (error) {
        if (read(purpose, name)?.version === version) unconfirmed.add(place);
        throw error;
      }
      if (purpose === 'credential') await use(purpose, name, value);
      return { name, version };
    } finally {
      value.fill(0);
    }
  };

  for (const purpose of ['credential', 'key'] as const) {
    for (const name of Object.keys((purpose === 'credential' ? manifest.credentials : manifest.keys) ?? {})) {
      const found = read(purpose, name);
      const value = found && fromBase64Url(found.value);
      const entry = entryOf(purpose, name);
      if (found === undefined || value === undefined || entry === undefined) continue;
      if (found.entry !== (await documentDigest(entry))) continue;
      // What does not fit has to be handed in again.
      await use(purpose, name, value).catch((error: unknown) => {
        if (!(error instanceof VitrineError)) throw error;
      });
      value.fill(0);
    }
  }

  return {
    credential: (name) => credentials.get(name),
    accept: (sealed) => {
      // One after the other: two of one version must not both be the newest.
      const next = last.then(() => take(sealed));
      last = next.catch(() => undefined);
      return next;
    },
  };
}

async function importKey(ring: KeyRing, name: string, value: Uint8Array): Promise<void> {
  try {
    await ring.importKey(name, value);
  } catch (error) {
    if (error instanceof VitrineError) throw new UsageError('secret.key', error.message);
    throw error;
  }
}

function own<T>(all: Readonly<Record<string, T>> | undefined, name: string): T | undefined {
  return all !== undefined && Object.hasOwn(all, name) ? all[name] : undefined;
}
