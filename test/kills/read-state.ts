/**
 * What a killed key service has left, straight from its store.
 *
 * @module
 */
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { type Manifest, manifestDigest } from '@vitrine/documents';
import { openSealedStore } from '@vitrine/storage';
import { openAppRoot } from '../../packages/keys/src/app-root/app-root.ts';
import { sealedLedgerStore } from '../../packages/keys/src/spend/ledger-store.ts';
import { decodeRecord, type SpendRecord } from '../../packages/keys/src/spend/spend-record.ts';
import { fixedSource } from '../../packages/keys/src/testing/open-test-keyd.ts';

export interface LeftState {
  /** Names the state: the identifier of its root. */
  readonly store: string;
  /** Commits so far. */
  readonly sequence: number;
  readonly reservations: SpendRecord['reservations'];
}

export async function readState(directory: string, manifest: Manifest): Promise<LeftState> {
  const draw = (length: number): Uint8Array<ArrayBuffer> => Uint8Array.from(randomBytes(length));
  const root = await openAppRoot({
    directory,
    appId: manifest.name,
    manifestDigest: await manifestDigest(manifest),
    manifestNumber: manifest.number,
    sources: [fixedSource()],
    genesis: false,
    randomBytes: draw,
  });
  const name = 'key-service';
  const store = openSealedStore({
    file: join(directory, 'store.sqlite'),
    key: root.derive({ usage: 'store', algorithm: 'aes256', name, version: 1, scope: 'service' }, 32),
    name,
    create: false,
    epoch: manifest.number,
    randomBytes: draw,
  });
  try {
    const records = sealedLedgerStore(store, { tenant: name, collection: 'spent' }).load();
    const reservations = records.flatMap((record) => decodeRecord(record).reservations);
    return { store: root.id, sequence: store.head().sequence, reservations };
  } finally {
    store.close();
    root.close();
  }
}
