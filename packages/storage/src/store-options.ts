/**
 * What a store is opened with.
 *
 * @module
 */
import { UsageError } from '@vitrine/documents';
import { nameBytes } from './names.ts';
import { KEY_BYTES } from './store-keys.ts';

export interface SealedStoreOptions {
  /** The database; SQLite keeps a file `-wal` beside it. */
  readonly file: string;
  /** 32 bytes. Copied in derived form: the caller may overwrite it. */
  readonly key: Uint8Array;
  /** Which store this is; another name opens nothing. */
  readonly name: string;
  /** Whether a store may be made where there is none. Otherwise a missing file is an error: never a first boot. */
  readonly create: boolean;
  /** Recorded with each record that is written; must not be lower than it was. */
  readonly epoch: number;
  /** Cryptographically secure. */
  readonly randomBytes: (count: number) => Uint8Array;
}

/** @throws UsageError for options that cannot be. */
export function checkOptions({ key, name, epoch }: SealedStoreOptions): void {
  const refuse = (why: string): never => {
    throw new UsageError('storage.options', why);
  };
  nameBytes('store', name);
  if (key.length !== KEY_BYTES) refuse(`the key of a store has ${KEY_BYTES} bytes, not ${key.length}`);
  if (!Number.isSafeInteger(epoch) || epoch < 0) refuse(`an epoch is an integer from 0, not ${epoch}`);
}
