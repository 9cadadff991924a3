/**
 * Opens what an owner has sealed for this enclave. Nothing is decrypted before the document names this
 * boot's key, the running manifest, and its owner, who has signed it.
 *
 * The version that is accepted is for the caller to keep, before the value is used: two documents of one
 * version would both open here.
 *
 * @module
 */
import { Aes256Gcm, CipherSuite, HkdfSha256, HpkeError } from '@hpke/core';
import { DhkemX25519HkdfSha256 } from '@hpke/dhkem-x25519';
import { ed25519, x25519 } from '@noble/curves/ed25519.js';
import {
  fromBase64Url,
  fromHex,
  requireSecretValue,
  type SealedSecret,
  type SecretPurpose,
  sealedSecretAad,
  sealedSecretInfo,
  sealedSecretShape,
  sealedSecretSigned,
  showPath,
  toBase64Url,
  UsageError,
} from '@vitrine/documents';

export interface OpenSecretOptions {
  /** X25519, 32 bytes; of this boot. */
  readonly hpkePrivateKey: Uint8Array;
  /** Of the running manifest. */
  readonly manifestDigest: string;
  /** Ed25519 public key in hexadecimal of who may hand in the key or credential; `undefined` where there is none. */
  ownerOf(purpose: SecretPurpose, name: string): string | undefined;
  /** The highest version that was accepted; 0 where there was none. */
  lastVersion(purpose: SecretPurpose, name: string): number | Promise<number>;
}

export interface OpenedSecret {
  readonly name: string;
  readonly purpose: SecretPurpose;
  readonly version: number;
  readonly value: Uint8Array<ArrayBuffer>;
}

/**
 * Judges and decrypts a sealed secret.
 *
 * @param document - What came in, parsed from JSON.
 * @throws UsageError with code `secret.malformed`, `secret.unknown`, `secret.owner`, `secret.manifest`,
 *   `secret.recipient`, `secret.version`, `secret.unopenable` or `secret.value`.
 */
export async function openSealedSecret(document: unknown, options: OpenSecretOptions): Promise<OpenedSecret> {
  const { sealed, enc, ciphertext, signature } = read(document);
  const { name, purpose, version } = sealed;
  const owner = options.ownerOf(purpose, name);
  if (owner === undefined) {
    throw new UsageError('secret.unknown', `the manifest has no ${purpose} called ${name} that is handed in`);
  }
  if (sealed.owner !== owner) {
    throw new UsageError(
      'secret.owner',
      `the ${purpose} ${name} belongs to the owner key ${owner}, not ${sealed.owner}`,
    );
  }
  const signer = fromHex(owner) ?? new Uint8Array(0);
  if (!ed25519.verify(signature, sealedSecretSigned(sealed), signer, { zip215: false })) {
    throw new UsageError('secret.owner', `the signature of the owner of ${name} does not verify`);
  }
  if (sealed.manifest !== options.manifestDigest) {
    throw new UsageError(
      'secret.manifest',
      `${name} was sealed for manifest ${sealed.manifest}, and ${options.manifestDigest} is running; verify it and seal again`,
    );
  }
  if (sealed.hpkeKey !== toBase64Url(x25519.getPublicKey(options.hpkePrivateKey))) {
    throw new UsageError(
      'secret.recipient',
      `${name} was sealed to a key of another boot of the enclave; verify the enclave and seal again`,
    );
  }
  const last = await options.lastVersion(purpose, name);
  if (version <= last) {
    throw new UsageError(
      'secret.version',
      `${name} has version ${version}, and ${last} was accepted; raise the version`,
    );
  }
  const value = await decrypt(sealed, enc, ciphertext, options.hpkePrivateKey);
  requireSecretValue(purpose, value);
  return { name, purpose, version, value };
}

async function decrypt(
  sealed: SealedSecret,
  enc: Uint8Array,
  ciphertext: Uint8Array,
  privateKey: Uint8Array,
): Promise<Uint8Array<ArrayBuffer>> {
  const suite = new CipherSuite({ kem: new DhkemX25519HkdfSha256(), kdf: new HkdfSha256(), aead: new Aes256Gcm() });
  try {
    const recipientKey = await suite.kem.importKey('raw', new Uint8Array(privateKey).buffer, false);
    const parameters = { recipientKey, enc, info: sealedSecretInfo(sealed) };
    return new Uint8Array(await suite.open(parameters, ciphertext, sealedSecretAad(sealed)));
  } catch (cause) {
    if (!(cause instanceof HpkeError)) throw cause;
    throw new UsageError('secret.unopenable', `${sealed.name} does not open: it was sealed otherwise than it says`);
  }
}

interface Read {
  readonly sealed: SealedSecret;
  readonly enc: Uint8Array;
  readonly ciphertext: Uint8Array;
  readonly signature: Uint8Array;
}

function read(document: unknown): Read {
  const parsed = sealedSecretShape.parse(document);
  if (!parsed.ok) {
    const [issue] = parsed.issues;
    throw malformed(`${showPath(issue?.path ?? []) || '(top level)'}: ${issue?.message ?? ''}`);
  }
  const sealed = parsed.value;
  const enc = fromBase64Url(sealed.enc);
  const ciphertext = fromBase64Url(sealed.ciphertext);
  const signature = fromBase64Url(sealed.signature);
  if (enc === undefined || ciphertext === undefined || signature === undefined) {
    throw malformed('enc, ciphertext or signature is no base64url');
  }
  return { sealed, enc, ciphertext, signature };
}

function malformed(why: string): UsageError {
  return new UsageError('secret.malformed', `this is no sealed secret: ${why}`);
}
