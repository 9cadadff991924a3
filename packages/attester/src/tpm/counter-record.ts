/**
 * What stands beside the counter: whose it is, where it began, and the digests of the last two heads. The digest of a
 * head is written before the counter moves to it, into the place that the head before the last had.
 *
 *     'vitrine1' 8 | store 32 | counter at the start 8 | sequence at the start 8 | 2 × (sequence 8 | digest 32 | signature 64)
 *
 * Each head is signed together with where the counter began, by the key of the state. So whoever can write to the TPM
 * cannot make a head, nor show one beside another counter.
 *
 * @module
 */
import { createPublicKey, type KeyObject, verify } from 'node:crypto';
import { concatBytes, fromHex, toHex } from '@vitrine/documents';
import type { AnchorAccess, AnchoredHead } from '../freshness-anchor.ts';
import { type Bytes, finishReader, openReader, takeBytes, takeU64, u64 } from './wire.ts';

/** Where the counter of a store began. */
export interface CounterStart {
  /** Identifier of the store, 32 bytes. */
  readonly store: Bytes;
  readonly counter: bigint;
  readonly sequence: bigint;
}

export interface CounterRecord {
  readonly start: CounterStart;
  readonly slots: readonly [Slot, Slot];
}

interface Slot {
  readonly sequence: bigint;
  readonly digest: Bytes;
  readonly signature: Bytes;
}

const MAGIC = 'vitrine1';
const DOMAIN = new TextEncoder().encode('vitrine/tpm-anchor/v1\0');
const STORE_BYTES = 32;
const DIGEST_BYTES = 32;
const SIGNATURE_BYTES = 64;
const SLOTS_OFFSET = 56;
const SLOT_BYTES = 104;
/** What stands before an Ed25519 key in its SubjectPublicKeyInfo. */
const SPKI_PREFIX = '302a300506032b6570032100';

export const RECORD_BYTES: number = SLOTS_OFFSET + 2 * SLOT_BYTES;

/** Of a store that begins with `head`. */
export function firstRecord(start: CounterStart, head: AnchoredHead, access: AnchorAccess): Bytes {
  const slot = signedSlot(start, head, access);
  return concatBytes(new TextEncoder().encode(MAGIC), start.store, u64(start.counter), u64(start.sequence), slot, slot);
}

/** `undefined` for bytes that are none. */
export function parseRecord(bytes: Uint8Array): CounterRecord | undefined {
  const reader = openReader(bytes, 'the record of an anchor');
  if (new TextDecoder('latin1').decode(takeBytes(reader, MAGIC.length)) !== MAGIC) return undefined;
  const start = { store: takeBytes(reader, STORE_BYTES), counter: takeU64(reader), sequence: takeU64(reader) };
  const slot = (): Slot => ({
    sequence: takeU64(reader),
    digest: takeBytes(reader, DIGEST_BYTES),
    signature: takeBytes(reader, SIGNATURE_BYTES),
  });
  const slots = [slot(), slot()] as const;
  finishReader(reader);
  return { start, slots };
}

/** The head at which the counter is; `undefined` where the record knows none there that the key signed. */
export function headAt(
  { start, slots }: CounterRecord,
  counter: bigint,
  { publicKey }: Pick<AnchorAccess, 'publicKey'>,
): AnchoredHead | undefined {
  const sequence = counter - start.counter + start.sequence;
  if (sequence < start.sequence || sequence > BigInt(Number.MAX_SAFE_INTEGER)) return undefined;
  const key = ed25519Key(publicKey);
  const slot = slots.find(
    (one) => one.sequence === sequence && verify(null, signedBytes(start, sequence, one.digest), key, one.signature),
  );
  return slot === undefined ? undefined : { sequence: Number(sequence), digest: toHex(slot.digest) };
}

/** Where to write the head after `current`, so that `current` stays. */
export function offsetAfter({ slots }: CounterRecord, current: AnchoredHead): number {
  const kept = slots.findIndex(
    ({ sequence, digest }) => sequence === BigInt(current.sequence) && toHex(digest) === current.digest,
  );
  return SLOTS_OFFSET + (1 - kept) * SLOT_BYTES;
}

export function signedSlot(start: CounterStart, head: AnchoredHead, access: AnchorAccess): Bytes {
  const digest = fromHex(head.digest);
  if (digest?.length !== DIGEST_BYTES || !Number.isSafeInteger(head.sequence) || head.sequence < 0) {
    throw new RangeError('a head has a sequence from 0 and a digest of 64 lower-case hexadecimal digits');
  }
  const sequence = BigInt(head.sequence);
  return concatBytes(u64(sequence), digest, access.sign(signedBytes(start, sequence, digest)));
}

function signedBytes(start: CounterStart, sequence: bigint, digest: Bytes): Bytes {
  return concatBytes(DOMAIN, start.store, u64(start.counter), u64(start.sequence), u64(sequence), digest);
}

function ed25519Key(raw: Uint8Array): KeyObject {
  const spki = concatBytes(fromHex(SPKI_PREFIX) ?? new Uint8Array(0), raw);
  return createPublicKey({ key: Buffer.from(spki), format: 'der', type: 'spki' });
}
