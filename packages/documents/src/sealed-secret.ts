/**
 * A secret on its way into an enclave: encrypted to the key that the boot binding names, and signed by
 * the owner whom the manifest names.
 *
 * Encryption is HPKE in base mode with DHKEM(X25519, HKDF-SHA256), HKDF-SHA256 and AES-256-GCM. What is
 * fixed by it and by the signature is computed here, for both sides; the encryption itself is theirs.
 *
 * - `info = "vitrine/sealed-secret/v1" ‖ 0x00 ‖ LP(manifest digest) ‖ LP(name) ‖ LP(version) ‖ LP(purpose)`,
 *   where LP is a big-endian 16-bit length before the bytes, and the version has 8 bytes, big-endian.
 * - Associated data are the canonical bytes of the document without `enc`, `ciphertext` and `signature`, so
 *   nobody can put another owner's name on a ciphertext.
 * - The signature is Ed25519 over `"vitrine/sealed-secret-signature/v1" ‖ 0x00 ‖` the canonical bytes of the
 *   document without `signature`.
 *
 * Test vector: `vectors/sealed-secret.json`. The length of the ciphertext tells that of the secret.
 *
 * Specification: RFC 9180; RFC 8785; RFC 8032.
 *
 * @module
 */
import { canonicalBytes } from './canonical.ts';
import { concatBytes, fromHex } from './encoding.ts';
import { UsageError } from './errors.ts';
import { base64Url, hex, type Infer, integer, object, oneOf, type Shape, text } from './shape.ts';

/** Far above any key or token. */
export const MAX_SECRET_BYTES: number = 16_384;

const shape = object({
  type: oneOf('vitrine/sealed-secret/v1'),
  /** As the manifest calls the key or the credential. */
  name: text('a name', /^[a-z][a-z0-9-]{0,31}$/),
  /** Rises with every value that is handed in under the name. */
  version: integer(1),
  purpose: oneOf('credential', 'key'),
  /** SHA-384 of the manifest's canonical bytes. */
  manifest: hex(48),
  /** The recipient, as the boot binding has it. */
  hpkeKey: base64Url(32),
  /** Encapsulated key. */
  enc: base64Url(32),
  /** 1 to 16384 bytes and a tag of 16. */
  ciphertext: text('17 to 16400 bytes in unpadded base64url', /^[A-Za-z0-9_-]{23,21867}$/),
  /** Ed25519 public key. */
  owner: hex(32),
  signature: base64Url(64),
});

export type SealedSecret = Infer<typeof shape>;
export type SecretPurpose = SealedSecret['purpose'];
export const sealedSecretShape: Shape<SealedSecret> = shape;

/** What is known before anything is encrypted. */
export type SealedSecretHeader = Omit<SealedSecret, 'type' | 'enc' | 'ciphertext' | 'signature'>;

/** HPKE's `info`. */
export function sealedSecretInfo(header: SealedSecretHeader): Uint8Array<ArrayBuffer> {
  const encoder = new TextEncoder();
  const manifest = fromHex(header.manifest);
  if (manifest === undefined) throw new TypeError('a manifest digest is lower-case hexadecimal');
  const version = new Uint8Array(8);
  new DataView(version.buffer).setBigUint64(0, BigInt(header.version));
  const fields = [manifest, encoder.encode(header.name), version, encoder.encode(header.purpose)];
  return concatBytes(
    encoder.encode('vitrine/sealed-secret/v1'),
    Uint8Array.of(0),
    ...fields.flatMap((field) => [Uint8Array.of(field.length >> 8, field.length & 0xff), field]),
  );
}

/** HPKE's associated data. */
export function sealedSecretAad(header: SealedSecretHeader): Uint8Array<ArrayBuffer> {
  const { name, version, purpose, manifest, hpkeKey, owner } = header;
  return canonicalBytes({ type: 'vitrine/sealed-secret/v1', name, version, purpose, manifest, hpkeKey, owner });
}

/** What the owner signs. */
export function sealedSecretSigned(sealed: Omit<SealedSecret, 'signature'>): Uint8Array<ArrayBuffer> {
  const { type, name, version, purpose, manifest, hpkeKey, enc, ciphertext, owner } = sealed;
  return concatBytes(
    new TextEncoder().encode('vitrine/sealed-secret-signature/v1'),
    Uint8Array.of(0),
    canonicalBytes({ type, name, version, purpose, manifest, hpkeKey, enc, ciphertext, owner }),
  );
}

/**
 * Demands a value that can be used: not empty, not too long, and for a credential nothing that could end a
 * header field. The message never has a part of the value.
 *
 * @throws UsageError with code `secret.value`.
 */
export function requireSecretValue(purpose: SecretPurpose, value: Uint8Array): void {
  if (value.length === 0 || value.length > MAX_SECRET_BYTES) {
    throw new UsageError(
      'secret.value',
      `the secret has ${value.length} bytes; expected 1 to ${MAX_SECRET_BYTES}, so check the file or pipe it came from`,
    );
  }
  const bad = purpose === 'credential' ? value.findIndex((byte) => byte < 0x21 || byte > 0x7e) : -1;
  if (bad >= 0) {
    throw new UsageError(
      'secret.value',
      `byte ${bad + 1} of ${value.length} of the credential is no visible ASCII character; a header cannot carry it, so remove blanks and line ends`,
    );
  }
}
