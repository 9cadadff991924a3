/**
 * XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha, section 2): ChaCha20-Poly1305 (RFC 8439) under a subkey that
 * HChaCha20 makes of the key and the first 16 bytes of the nonce.
 *
 * Short messages go through @noble/ciphers, long ones through OpenSSL: each is the faster one there, and both
 * write the same bytes.
 *
 * @module
 */
import { createCipheriv, createDecipheriv } from 'node:crypto';
import { hchacha, xchacha20poly1305 } from '@noble/ciphers/chacha.js';
import { concatBytes } from '@vitrine/documents';

const TAG_BYTES = 16;
/** From here on OpenSSL's speed makes up for what a call of it costs. */
const LONG_BYTES = 4096;
const ALGORITHM = 'chacha20-poly1305';
/** "expand 32-byte k". */
const CONSTANTS: Uint32Array = Uint32Array.of(0x61707865, 0x3320646e, 0x79622d32, 0x6b206574);

export interface Encryption {
  readonly key: Uint8Array;
  /** 24 bytes. */
  readonly nonce: Uint8Array;
  readonly associated: Uint8Array;
}

export interface Encrypted {
  /** As long as the plaintext. */
  readonly body: Uint8Array;
  /** 16 bytes. */
  readonly tag: Uint8Array;
}

export function encrypt({ key, nonce, associated }: Encryption, plaintext: Uint8Array): Encrypted {
  if (plaintext.length < LONG_BYTES) {
    const joined = xchacha20poly1305(key, nonce, associated).encrypt(plaintext);
    return { body: joined.subarray(0, -TAG_BYTES), tag: joined.subarray(-TAG_BYTES) };
  }
  const subkey = deriveSubkey(key, nonce);
  const cipher = createCipheriv(ALGORITHM, subkey, shortNonce(nonce), { authTagLength: TAG_BYTES });
  subkey.fill(0);
  cipher.setAAD(associated, { plaintextLength: plaintext.length });
  const body = cipher.update(plaintext);
  cipher.final();
  return { body, tag: cipher.getAuthTag() };
}

/** `undefined` where authentication fails. */
export function decrypt({ key, nonce, associated }: Encryption, { body, tag }: Encrypted): Uint8Array | undefined {
  try {
    if (body.length < LONG_BYTES) return xchacha20poly1305(key, nonce, associated).decrypt(concatBytes(body, tag));
    const subkey = deriveSubkey(key, nonce);
    const decipher = createDecipheriv(ALGORITHM, subkey, shortNonce(nonce), { authTagLength: TAG_BYTES });
    subkey.fill(0);
    decipher.setAAD(associated, { plaintextLength: body.length }).setAuthTag(tag);
    const plaintext = decipher.update(body);
    decipher.final();
    return plaintext;
  } catch {
    return undefined;
  }
}

function deriveSubkey(key: Uint8Array, nonce: Uint8Array): Uint8Array {
  const subkey = new Uint32Array(8);
  hchacha(CONSTANTS, words(key), words(nonce.subarray(0, 16)), subkey);
  return new Uint8Array(subkey.buffer);
}

/** Four zero bytes and the rest of the nonce. */
function shortNonce(nonce: Uint8Array): Uint8Array {
  return concatBytes(new Uint8Array(4), nonce.subarray(16));
}

function words(bytes: Uint8Array): Uint32Array {
  return new Uint32Array(Uint8Array.from(bytes).buffer);
}
