/**
 * Seals a secret for one enclave, whose evidence the caller has verified before: the key that it is
 * encrypted to, and the manifest, must be those of a verified boot binding.
 *
 * @module
 */
import { Aes256Gcm, CipherSuite, HkdfSha256, HpkeError } from '@hpke/core';
import { DhkemX25519HkdfSha256 } from '@hpke/dhkem-x25519';
import {
  fromBase64Url,
  requireSecretValue,
  type SealedSecret,
  type SealedSecretHeader,
  type SecretPurpose,
  sealedSecretAad,
  sealedSecretInfo,
  sealedSecretShape,
  sealedSecretSigned,
  showPath,
  toBase64Url,
  UsageError,
} from '@vitrine/documents';

/** Who hands the secret in, and is named in the manifest. */
export interface SecretOwner {
  /** Ed25519, lower-case hexadecimal. */
  readonly publicKey: string;
  /** An Ed25519 signature, 64 bytes. */
  sign(bytes: Uint8Array): Uint8Array | Promise<Uint8Array>;
}

export interface SealSecretOptions {
  /** As the manifest calls it. */
  readonly name: string;
  /** Above every version that was handed in under this name before. */
  readonly version: number;
  readonly purpose: SecretPurpose;
  readonly value: Uint8Array;
  /** Of the verified manifest. */
  readonly manifestDigest: string;
  /** Of the verified boot binding, base64url. */
  readonly hpkeKey: string;
  readonly owner: SecretOwner;
}

/**
 * Encrypts and signs.
 *
 * @throws UsageError with code `secret.value`, `secret.malformed` or `secret.recipient`.
 */
export async function sealSecret(options: SealSecretOptions): Promise<SealedSecret> {
  const { name, version, purpose, value, manifestDigest, hpkeKey, owner } = options;
  requireSecretValue(purpose, value);
  const header = { name, version, purpose, manifest: manifestDigest, hpkeKey, owner: owner.publicKey };
  const filler = { enc: 'A'.repeat(43), ciphertext: 'A'.repeat(23), signature: 'A'.repeat(86) };
  // Before the value is encrypted under fields that no enclave would read.
  requireShape({ type: 'vitrine/sealed-secret/v1', ...header, ...filler });
  const unsigned = { type: 'vitrine/sealed-secret/v1', ...header, ...(await encrypt(header, value)) } as const;
  const signature = toBase64Url(await owner.sign(sealedSecretSigned(unsigned)));
  return requireShape({ ...unsigned, signature });
}

async function encrypt(
  header: SealedSecretHeader,
  value: Uint8Array,
): Promise<Pick<SealedSecret, 'enc' | 'ciphertext'>> {
  const suite = new CipherSuite({ kem: new DhkemX25519HkdfSha256(), kdf: new HkdfSha256(), aead: new Aes256Gcm() });
  try {
    const recipientPublicKey = await suite.kem.deserializePublicKey(fromBase64Url(header.hpkeKey) ?? new Uint8Array(0));
    const sealed = await suite.seal(
      { recipientPublicKey, info: sealedSecretInfo(header) },
      value,
      sealedSecretAad(header),
    );
    return {
      enc: toBase64Url(new Uint8Array(sealed.enc)),
      ciphertext: toBase64Url(new Uint8Array(sealed.ct)),
    };
  } catch (cause) {
    if (!(cause instanceof HpkeError)) throw cause;
    throw new UsageError('secret.recipient', 'nothing can be encrypted to the key of the enclave; verify it again', {
      cause,
    });
  }
}

function requireShape(document: unknown): SealedSecret {
  const parsed = sealedSecretShape.parse(document);
  if (parsed.ok) return parsed.value;
  const [issue] = parsed.issues;
  throw new UsageError(
    'secret.malformed',
    `the secret cannot be sealed so: ${showPath(issue?.path ?? [])}: ${issue?.message ?? ''}`,
  );
}
