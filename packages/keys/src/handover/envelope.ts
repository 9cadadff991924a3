/**
 * The root on its way: encrypted to the key that the receiver's evidence names, signed by the one that the giver's
 * evidence names, and tied to both sides' evidence.
 *
 * - HPKE in base mode with DHKEM(X25519, HKDF-SHA256), HKDF-SHA256 and AES-256-GCM.
 *   `info = "vitrine/handover-envelope/v1" ‖ 0x00 ‖ LP(giver) ‖ LP(receiver) ‖ LP(appRoot)`, where giver and
 *   receiver are the SHA-384 of their hand-over bindings and LP is a big-endian 16-bit length before the bytes.
 *   Associated data are the canonical bytes of the envelope without `enc`, `ciphertext` and `signature`.
 * - The signature is Ed25519 over `"vitrine/handover-envelope/v1" ‖ 0x00 ‖` the canonical bytes of the envelope
 *   without `signature`: encryption alone would let anybody give a root of his choice.
 *
 * Specification: RFC 9180; RFC 8785; RFC 8032.
 *
 * @module
 */
import { Aes256Gcm, CipherSuite, HkdfSha256, HpkeError } from '@hpke/core';
import { DhkemX25519HkdfSha256 } from '@hpke/dhkem-x25519';
import { ed25519 } from '@noble/curves/ed25519.js';
import {
  base64Url,
  canonicalBytes,
  concatBytes,
  fromBase64Url,
  fromHex,
  hex,
  type Infer,
  object,
  oneOf,
  type Shape,
  toBase64Url,
} from '@vitrine/documents';
import { lengthPrefixed } from '../app-root/length-prefixed.ts';
import { refuse } from './refusal.ts';

const TYPE = 'vitrine/handover-envelope/v1';

const shape = object({
  type: oneOf(TYPE),
  /** SHA-384 of the giver's hand-over binding. */
  giver: hex(48),
  /** SHA-384 of the receiver's. */
  receiver: hex(48),
  /** Identifier of the root. */
  appRoot: hex(32),
  /** Encapsulated key. */
  enc: base64Url(32),
  /** 32 bytes and a tag of 16. */
  ciphertext: base64Url(48),
  /** Ed25519. */
  signature: base64Url(64),
});

export type Envelope = Infer<typeof shape>;
export const envelopeShape: Shape<Envelope> = shape;
/** What an envelope is about. */
export type EnvelopeHeader = Pick<Envelope, 'giver' | 'receiver' | 'appRoot'>;

/**
 * @param root - 32 bytes; the caller overwrites them.
 * @param recipient - The receiver's X25519 key.
 * @param signingKey - Secret key of the Ed25519 key in the giver's evidence.
 * @throws UsageError `handover.binding` for a recipient that is no usable key.
 */
export async function sealEnvelope(
  root: Uint8Array,
  { giver, receiver, appRoot }: EnvelopeHeader,
  recipient: Uint8Array<ArrayBuffer>,
  signingKey: Uint8Array,
): Promise<Envelope> {
  const header = { giver, receiver, appRoot };
  try {
    const recipientPublicKey = await suite.kem.importKey('raw', recipient.buffer, true);
    const sealed = await suite.seal({ recipientPublicKey, info: infoOf(header) }, Uint8Array.from(root), aadOf(header));
    const unsigned = {
      type: TYPE,
      ...header,
      enc: toBase64Url(new Uint8Array(sealed.enc)),
      ciphertext: toBase64Url(new Uint8Array(sealed.ct)),
    } as const;
    return { ...unsigned, signature: toBase64Url(Uint8Array.from(ed25519.sign(signed(unsigned), signingKey))) };
  } catch (cause) {
    if (cause instanceof HpkeError) throw refuse('handover.binding', "the receiver's key is not one to encrypt to");
    throw cause;
  }
}

/**
 * The root in an envelope, for whoever has demanded that its header is the right one.
 *
 * @param signer - The giver's Ed25519 key, from its evidence.
 * @throws UsageError `handover.envelope`.
 */
export async function openEnvelope(
  envelope: Envelope,
  privateKey: Uint8Array,
  signer: Uint8Array,
): Promise<Uint8Array<ArrayBuffer>> {
  const { signature, ...unsigned } = envelope;
  const given = fromBase64Url(signature);
  if (given === undefined || !verifies(given, signed(unsigned), signer)) {
    throw refuse('handover.envelope', "it is not signed with the key in the giver's evidence");
  }
  try {
    const recipientKey = await suite.kem.importKey('raw', Uint8Array.from(privateKey).buffer, false);
    const enc = bytesOf(envelope.enc);
    const plain = await suite.open(
      { recipientKey, enc, info: infoOf(envelope) },
      bytesOf(envelope.ciphertext),
      aadOf(envelope),
    );
    return new Uint8Array(plain);
  } catch (cause) {
    if (cause instanceof HpkeError) throw refuse('handover.envelope', 'it does not open with the key of this request');
    throw cause;
  }
}

const suite: CipherSuite = new CipherSuite({
  kem: new DhkemX25519HkdfSha256(),
  kdf: new HkdfSha256(),
  aead: new Aes256Gcm(),
});

function infoOf({ giver, receiver, appRoot }: EnvelopeHeader): Uint8Array<ArrayBuffer> {
  return lengthPrefixed(
    TYPE,
    [giver, receiver, appRoot].map((one) => fromHex(one) ?? new Uint8Array()),
  );
}

function aadOf({ giver, receiver, appRoot }: EnvelopeHeader): Uint8Array<ArrayBuffer> {
  return canonicalBytes({ type: TYPE, giver, receiver, appRoot });
}

function signed(unsigned: Omit<Envelope, 'signature'>): Uint8Array<ArrayBuffer> {
  return concatBytes(new TextEncoder().encode(TYPE), Uint8Array.of(0), canonicalBytes(unsigned));
}

function verifies(signature: Uint8Array, bytes: Uint8Array, key: Uint8Array): boolean {
  try {
    return ed25519.verify(signature, bytes, key, { zip215: false });
  } catch {
    // Bytes that are no point of the curve.
    return false;
  }
}

function bytesOf(base64url: string): Uint8Array<ArrayBuffer> {
  return fromBase64Url(base64url) ?? new Uint8Array();
}
