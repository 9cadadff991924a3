/**
 * What an emulated key broker encrypts resources with: a flattened JWE of ECDH-ES+A256KW and A256GCM, written with
 * `node:crypto` alone, and the forms that nobody should take.
 *
 * RFC 7516, RFC 7518 sections 4.4 and 4.6.
 *
 * @module
 */
import {
  createCipheriv,
  createECDH,
  createHash,
  createPublicKey,
  diffieHellman,
  generateKeyPairSync,
  randomBytes,
} from 'node:crypto';
import { deflateRawSync } from 'node:zlib';
import { concatBytes, toBase64Url } from '@vitrine/documents';

export type JweFault =
  /** Encrypted to another key than the session's. */
  | 'other-key'
  | 'rsa1_5'
  | 'rsa-oaep'
  | 'zip'
  | 'dir'
  | 'ecdh-direct'
  | 'a128gcm'
  | 'extra-header'
  | 'unprotected-header'
  | 'off-curve'
  | 'p-384'
  | 'changed-ciphertext'
  | 'changed-tag'
  | 'changed-header'
  | 'short-tag';

/** The public key of a session, as a JWK. */
export interface PublicJwk {
  readonly kty: string;
  readonly crv: string;
  readonly x: string;
  readonly y: string;
}

interface BrokerJwe {
  readonly protected: string;
  readonly encrypted_key: string;
  readonly iv: string;
  readonly ciphertext: string;
  readonly tag: string;
}

export function encryptToSession(content: Uint8Array, session: PublicJwk, fault?: JweFault): BrokerJwe & object {
  const target = fault === 'other-key' ? freshKey() : session;
  const ephemeral = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const secret = diffieHellman({
    privateKey: ephemeral.privateKey,
    publicKey: createPublicKey({ key: { kty: 'EC', crv: 'P-256', x: target.x, y: target.y }, format: 'jwk' }),
  });
  const { x = '', y = '' } = ephemeral.publicKey.export({ format: 'jwk' });
  const epk =
    fault === 'off-curve'
      ? { crv: 'P-256', kty: 'EC', x, y: x }
      : fault === 'p-384'
        ? otherCurve()
        : { crv: 'P-256', kty: 'EC', x, y };
  const cek = fault === 'dir' ? secret : randomBytes(32);
  const alg = ALGORITHMS[fault ?? ''] ?? 'ECDH-ES+A256KW';
  const header = {
    alg,
    enc: fault === 'a128gcm' ? 'A128GCM' : 'A256GCM',
    ...(fault === 'rsa1_5' || fault === 'rsa-oaep' || fault === 'dir' ? {} : { epk }),
    ...(fault === 'zip' ? { zip: 'DEF' } : {}),
    ...(fault === 'extra-header' ? { kid: 'anything' } : {}),
  };
  const encoded = toBase64Url(new TextEncoder().encode(JSON.stringify(header)));
  const iv = randomBytes(12);
  const cipher = createCipheriv('aes-256-gcm', cek, iv);
  cipher.setAAD(Buffer.from(encoded, 'ascii'));
  const ciphertext = concatBytes(cipher.update(fault === 'zip' ? deflateRawSync(content) : content), cipher.final());
  const tag = Uint8Array.from(cipher.getAuthTag());
  const wrapped = fault === 'dir' || fault === 'ecdh-direct' ? new Uint8Array() : wrapKey(concatKdf(secret, alg), cek);
  return {
    protected: fault === 'changed-header' ? encoded.replace(/.$/, (last) => (last === 'Q' ? 'g' : 'Q')) : encoded,
    encrypted_key: toBase64Url(wrapped),
    iv: toBase64Url(iv),
    ciphertext: toBase64Url(fault === 'changed-ciphertext' ? flipped(ciphertext) : ciphertext),
    tag: toBase64Url(fault === 'changed-tag' ? flipped(tag) : fault === 'short-tag' ? tag.subarray(0, 12) : tag),
    ...(fault === 'unprotected-header' ? { header: { kid: 'anything' } } : {}),
  };
}

const ALGORITHMS: Readonly<Record<string, string>> = {
  rsa1_5: 'RSA1_5',
  'rsa-oaep': 'RSA-OAEP-256',
  dir: 'dir',
  'ecdh-direct': 'ECDH-ES',
};

/** RFC 7518 section 4.6.2 for 256 bits, without party information. */
function concatKdf(secret: Uint8Array, algorithm: string): Uint8Array {
  const name = Buffer.from(algorithm, 'ascii');
  const parts = [uint32(1), secret, uint32(name.length), name, uint32(0), uint32(0), uint32(256)];
  return Uint8Array.from(
    createHash('sha256')
      .update(concatBytes(...parts))
      .digest(),
  );
}

/** RFC 3394. */
function wrapKey(wrapping: Uint8Array, key: Uint8Array): Uint8Array {
  const cipher = createCipheriv('id-aes256-wrap', wrapping, Buffer.alloc(8, 0xa6));
  return concatBytes(cipher.update(key), cipher.final());
}

function freshKey(): PublicJwk {
  const ecdh = createECDH('prime256v1');
  const point = Uint8Array.from(ecdh.generateKeys());
  return { kty: 'EC', crv: 'P-256', x: toBase64Url(point.subarray(1, 33)), y: toBase64Url(point.subarray(33)) };
}

function otherCurve(): object {
  const { x, y } = generateKeyPairSync('ec', { namedCurve: 'P-384' }).publicKey.export({ format: 'jwk' });
  return { crv: 'P-384', kty: 'EC', x, y };
}

function flipped(bytes: Uint8Array): Uint8Array {
  const changed = Uint8Array.from(bytes);
  changed[0] = (changed[0] ?? 0) ^ 1;
  return changed;
}

function uint32(value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, value);
  return bytes;
}
