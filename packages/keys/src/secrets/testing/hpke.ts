/**
 * HPKE in base mode once more, from RFC 9180 on node:crypto alone: what the library does is compared with it.
 *
 * @module
 */
import {
  createCipheriv,
  createDecipheriv,
  createHmac,
  createPrivateKey,
  createPublicKey,
  diffieHellman,
} from 'node:crypto';

/** AES-GCM by the length of its key: 16 is AEAD 1, 32 is AEAD 2. */
type AeadKeyLength = 16 | 32;

const ascii = (text: string): Buffer => Buffer.from(text, 'latin1');
const u16 = (value: number): Buffer => Buffer.from([value >> 8, value & 0xff]);
const KEM_SUITE = Buffer.concat([ascii('KEM'), u16(0x20)]);

/** Public key of a raw X25519 private key. */
export function publicKeyOf(privateKey: Uint8Array): Buffer {
  return Buffer.from(createPublicKey(privateKeyOf(privateKey)).export({ format: 'jwk' }).x ?? '', 'base64url');
}

export interface Message {
  readonly info: Uint8Array;
  readonly aad: Uint8Array;
  readonly keyLength: AeadKeyLength;
}

/** Encrypts with a given ephemeral key, as vectors do. */
export function sealBase(
  recipient: Uint8Array,
  ephemeral: Uint8Array,
  plaintext: Uint8Array,
  message: Message,
): Buffer {
  const enc = publicKeyOf(ephemeral);
  const { key, nonce } = schedule(sharedSecret(ephemeral, recipient, enc, recipient), message);
  const cipher = createCipheriv(message.keyLength === 16 ? 'aes-128-gcm' : 'aes-256-gcm', key, nonce);
  cipher.setAAD(message.aad);
  return Buffer.concat([cipher.update(plaintext), cipher.final(), cipher.getAuthTag()]);
}

/** Decrypts; throws where the tag is wrong. */
export function openBase(privateKey: Uint8Array, enc: Uint8Array, ciphertext: Uint8Array, message: Message): Buffer {
  const { key, nonce } = schedule(sharedSecret(privateKey, enc, enc, publicKeyOf(privateKey)), message);
  const decipher = createDecipheriv(message.keyLength === 16 ? 'aes-128-gcm' : 'aes-256-gcm', key, nonce);
  decipher.setAAD(message.aad);
  decipher.setAuthTag(ciphertext.subarray(-16));
  return Buffer.concat([decipher.update(ciphertext.subarray(0, -16)), decipher.final()]);
}

function sharedSecret(mine: Uint8Array, theirs: Uint8Array, enc: Uint8Array, recipient: Uint8Array): Buffer {
  const x = Buffer.from(theirs).toString('base64url');
  const publicKey = createPublicKey({ key: { kty: 'OKP', crv: 'X25519', x }, format: 'jwk' });
  const dh = diffieHellman({ privateKey: privateKeyOf(mine), publicKey });
  const prk = labeledExtract(KEM_SUITE, Buffer.alloc(0), 'eae_prk', dh);
  return labeledExpand(KEM_SUITE, prk, 'shared_secret', Buffer.concat([enc, recipient]), 32);
}

function schedule(secret: Buffer, { info, keyLength }: Message): { readonly key: Buffer; readonly nonce: Buffer } {
  const suite = Buffer.concat([ascii('HPKE'), u16(0x20), u16(1), u16(keyLength === 16 ? 1 : 2)]);
  const nothing = Buffer.alloc(0);
  const context = Buffer.concat([
    Buffer.of(0),
    labeledExtract(suite, nothing, 'psk_id_hash', nothing),
    labeledExtract(suite, nothing, 'info_hash', info),
  ]);
  const prk = labeledExtract(suite, secret, 'secret', nothing);
  return {
    key: labeledExpand(suite, prk, 'key', context, keyLength),
    nonce: labeledExpand(suite, prk, 'base_nonce', context, 12),
  };
}

function labeledExtract(suite: Buffer, salt: Buffer, label: string, input: Uint8Array): Buffer {
  return createHmac('sha256', salt.length === 0 ? Buffer.alloc(32) : salt)
    .update(Buffer.concat([ascii('HPKE-v1'), suite, ascii(label), input]))
    .digest();
}

/** At most 32 bytes, so one block of HKDF-Expand. */
function labeledExpand(suite: Buffer, prk: Buffer, label: string, info: Uint8Array, length: number): Buffer {
  return createHmac('sha256', prk)
    .update(Buffer.concat([u16(length), ascii('HPKE-v1'), suite, ascii(label), info, Buffer.of(1)]))
    .digest()
    .subarray(0, length);
}

function privateKeyOf(raw: Uint8Array): ReturnType<typeof createPrivateKey> {
  const prefix = Buffer.from('302e020100300506032b656e04220420', 'hex');
  return createPrivateKey({ key: Buffer.concat([prefix, raw]), format: 'der', type: 'pkcs8' });
}
