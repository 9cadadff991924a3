/**
 * What encrypted messages and MACs have in common: their header, and how the caller's context and the
 * key's name and version become part of every derivation, so that nothing made in one context is good in another.
 *
 * A message begins with a format byte and the key's version, so that a retired version still decrypts.
 *
 * @module
 */
import { createHmac } from 'node:crypto';
import { concatBytes } from '@vitrine/documents';
import { lengthPrefixed, uint32, utf8 } from '../app-root/length-prefixed.ts';
import { RefusedRequestError } from '../intent.ts';

/** Which key a message belongs to. */
export interface KeyLabel {
  readonly name: string;
  readonly version: number;
}

const FORMAT = 1;
/** Format and version. */
export const HEADER_BYTES = 5;
const MAX_CONTEXT_BYTES = 512;

export function header(version: number): Uint8Array<ArrayBuffer> {
  return concatBytes(Uint8Array.of(FORMAT), uint32(version));
}

/**
 * The version of the key that a message names.
 *
 * @throws RefusedRequestError `keys.ciphertext`.
 */
export function versionOf(message: Uint8Array): number {
  if (message.length < HEADER_BYTES || message[0] !== FORMAT) throw unreadable();
  return new DataView(message.buffer, message.byteOffset, message.byteLength).getUint32(1);
}

/** `tag ‖ 0x00 ‖ LP(name) ‖ LP(version) ‖ LP(context)`. */
export function contextInfo(tag: string, label: KeyLabel, context: string): Uint8Array<ArrayBuffer> {
  if (context === '' || !context.isWellFormed() || Buffer.byteLength(context) > MAX_CONTEXT_BYTES) {
    throw new RefusedRequestError(
      'keys.context',
      `a context must be well-formed text of 1 to ${MAX_CONTEXT_BYTES} bytes; say what the message is for`,
    );
  }
  return lengthPrefixed(tag, [utf8(label.name, 'name'), uint32(label.version), utf8(context, 'context')]);
}

/**
 * 32 bytes that differ for each message, even where the random bytes repeat: two copies of a machine that
 * go on from one snapshot draw the same ones.
 */
export function hedged(
  key: Uint8Array,
  random: Uint8Array,
  info: Uint8Array,
  plaintext: Uint8Array,
): Uint8Array<ArrayBuffer> {
  if (random.length !== 32) throw new TypeError(`asked for 32 random bytes and got ${random.length}`);
  const fields = lengthPrefixed('vitrine/hedge/v1', [random, info]);
  return new Uint8Array(createHmac('sha256', key).update(fields).update(plaintext).digest());
}

/** Wrong key, wrong context or changed bytes: which of them is nobody's to know. */
export function unreadable(): RefusedRequestError {
  return new RefusedRequestError(
    'keys.ciphertext',
    'this does not decrypt: it was changed, or made with another key or in another context',
  );
}
