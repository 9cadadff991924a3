/**
 * A freshness anchor in a TPM: an NV counter says how far a store has got, a signed record beside it the digest.
 *
 * A counter of a TPM never goes back, and one that is removed and defined again begins above the highest value that
 * any counter of this TPM ever had. The record says with which value the counter began, and is signed by the key of
 * the state. So whoever may write to the TPM, and has the password of its owner, which is usually empty, can stop a
 * store by removing or changing its indexes, and not put it back: with one exception. A commit whose move was cut off
 * before the counter moved, and that the disk has lost since, they can show in the place of the one that followed.
 * Whoever runs a virtual TPM can put its whole state back. Both are named.
 *
 * Order of a move: the digest of the new head is written, the counter moves. A crash in between leaves the old head in
 * place, since the record keeps two.
 *
 * @module
 */
import { fromHex, sameBytes, VitrineError } from '@vitrine/documents';
import type { AnchorAccess, AnchoredHead, FreshnessAnchor } from '../freshness-anchor.ts';
import {
  COUNTER,
  collision,
  counterIndexOf,
  defineIndex,
  findIndex,
  incrementCounter,
  type NvIndex,
  RECORD,
  readCounter,
  readRecord,
  writeRecord,
  written,
} from './counter-index.ts';
import { type CounterRecord, firstRecord, headAt, offsetAfter, parseRecord, signedSlot } from './counter-record.ts';
import { exclusively } from './exclusive.ts';
import { flush } from './flush.ts';
import { withStorageKey } from './primary-keys.ts';
import { startSession, type TpmSession } from './session.ts';
import type { TpmTransport } from './transport.ts';
import type { Bytes } from './wire.ts';

export interface TpmCounterAnchorOptions {
  readonly transport: TpmTransport;
  /** Names the store: 64 lower-case hexadecimal digits. */
  readonly store: string;
  /** The key of the state. */
  readonly access: AnchorAccess;
  /** NV index of the counter, even; the record has the next. From the store's name where it is absent. */
  readonly index?: number;
}

interface Found {
  readonly counter: NvIndex;
  readonly record: NvIndex;
  readonly value: bigint;
  readonly content: CounterRecord;
}

const STORE_BYTES = 32;

/**
 * Opens the anchor of a store. Nothing is defined before the first {@link FreshnessAnchor.advance}.
 *
 * @throws RangeError for a name or an index that cannot be.
 */
export async function tpmCounterAnchor(options: TpmCounterAnchorOptions): Promise<FreshnessAnchor> {
  const { transport, access } = options;
  const store = fromHex(options.store);
  if (store?.length !== STORE_BYTES) throw new RangeError('a store is named by 64 lower-case hexadecimal digits');
  const index = options.index ?? counterIndexOf(store);
  if (index % 2 !== 0 || index < 0x0180_0000 || index > 0x01bf_fffe) {
    throw new RangeError('an NV index of the owner is an even number from 0x01800000 to 0x01bffffe');
  }
  let session: TpmSession | undefined;
  let isClosed = false;

  /** One session for many moves: making one takes the TPM longer than a move. */
  const withSession = <T>(work: (session: TpmSession) => Promise<T>): Promise<T> =>
    exclusively(transport, async () => {
      if (isClosed) throw new VitrineError('anchor.unavailable', 'the anchor in the TPM is closed');
      try {
        session ??= await withStorageKey(transport, (key) => startSession(transport, key, 'hmac'));
        return await work(session);
      } catch (cause) {
        await drop();
        throw unavailable(cause);
      }
    });

  /** After an error nobody knows which nonce the TPM has. */
  const drop = async (): Promise<void> => {
    const dropped = session;
    session = undefined;
    if (dropped !== undefined) await flush(transport, dropped.handle).catch(() => undefined);
  };

  const find = async (current: TpmSession): Promise<Found | undefined> => {
    const record = await findIndex(transport, index + 1, RECORD);
    if (record === undefined || !record.isWritten) return undefined;
    const content = parseRecord(await readRecord(transport, current, record));
    if (content === undefined || !sameBytes(content.start.store, store)) throw collision(index + 1);
    const counter = await findIndex(transport, index, COUNTER);
    if (counter === undefined || !counter.isWritten) {
      throw new VitrineError(
        'anchor.conflict',
        `the counter at NV index 0x0${index.toString(16)} of the TPM is gone and its record is not: somebody removed it`,
      );
    }
    return { counter, record, content, value: await readCounter(transport, current, counter) };
  };

  return {
    description: {
      kind: 'tpm',
      rolledBackBy: [
        'whoever runs the virtual TPM',
        'whoever may write to the TPM, by one commit whose move was cut off',
      ],
    },
    remembersDigests: true,
    read: () =>
      withSession(async (current) => {
        const found = await find(current);
        return found === undefined ? undefined : requireHead(found, access);
      }),
    advance: (from, to) =>
      withSession(async (current) => {
        requireStep(from, to);
        const found = await find(current);
        if (found === undefined) {
          if (from !== undefined) throw conflict('it was never begun, or its NV indexes were removed');
          return begin({ transport, session: current, index, store, access }, to);
        }
        const head = requireHead(found, access);
        if (from === undefined || head.sequence !== from.sequence || head.digest !== from.digest) {
          throw conflict(`it is at ${head.sequence}, and ${from?.sequence ?? 'nothing'} was expected`);
        }
        const slot = signedSlot(found.content.start, to, access);
        await writeRecord(transport, current, found.record, slot, offsetAfter(found.content, head));
        await incrementCounter(transport, current, found.counter);
        const value = await readCounter(transport, current, found.counter);
        if (value !== found.value + 1n) throw conflict(`somebody else moved it as well, to ${value}`);
      }),
    async close() {
      if (isClosed) return;
      isClosed = true;
      await exclusively(transport, drop);
    },
  };
}

interface Beginning extends Pick<TpmCounterAnchorOptions, 'transport' | 'access'> {
  readonly session: TpmSession;
  readonly index: number;
  readonly store: Bytes;
}

/** A crash at any point before the record is written leaves an anchor that was never begun. */
async function begin({ transport, session, index, store, access }: Beginning, head: AnchoredHead): Promise<void> {
  const record = (await findIndex(transport, index + 1, RECORD)) ?? (await defineIndex(transport, index + 1, RECORD));
  const defined = (await findIndex(transport, index, COUNTER)) ?? (await defineIndex(transport, index, COUNTER));
  if (!defined.isWritten) await incrementCounter(transport, session, defined);
  const value = await readCounter(transport, session, written(defined, COUNTER));
  const start = { store, counter: value, sequence: BigInt(head.sequence) };
  await writeRecord(transport, session, record, firstRecord(start, head, access), 0);
}

function requireHead({ content, value }: Found, access: AnchorAccess): AnchoredHead {
  const head = headAt(content, value, access);
  if (head !== undefined) return head;
  throw conflict(
    `its counter is at ${value}, of which its record has nothing that the key of the state signed: somebody else moved or replaced them`,
  );
}

function requireStep(from: AnchoredHead | undefined, to: AnchoredHead): void {
  if (from === undefined || to.sequence === from.sequence + 1) return;
  throw conflict(`from ${from.sequence} to ${to.sequence} is not one step`);
}

function conflict(why: string): VitrineError {
  return new VitrineError('anchor.conflict', `the anchor in the TPM does not fit: ${why}`);
}

function unavailable(cause: unknown): unknown {
  if (!(cause instanceof VitrineError) || cause.code.startsWith('anchor.')) return cause;
  return new VitrineError(
    'anchor.unavailable',
    `the anchor in the TPM could not be asked, and whether a move was done is not known: ${cause.message}`,
    { cause },
  );
}
