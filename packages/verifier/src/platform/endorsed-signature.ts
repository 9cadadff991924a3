/**
 * Signatures of a vendor over its own documents, certificates, revocation lists, TCB info, and of a
 * machine's certified key over the report that certifies its attestation key. The same few come with
 * every piece of evidence of one platform, so those found good are remembered.
 *
 * That a signature is good is a fact about algorithm, key, text and signature, and does not depend
 * on time, policy or trust; all of these are judged anew each time. Bad signatures are not
 * remembered, and signatures over evidence itself never come here.
 *
 * @module
 */
import { sameBytes } from '@vitrine/documents/evidence';
import { verifyEcdsaP256, verifyEcdsaP384, verifyRsaPkcs1Sha256, verifyRsaPss384 } from '#crypto';
import { beginningOf } from './beginning.ts';

/** Each names curve or padding, and digest; see the functions of the same names in `#crypto`. */
export type SignatureAlgorithm = 'ecdsa-p256-sha256' | 'ecdsa-p384-sha384' | 'rsa-pss-sha384' | 'rsa-pkcs1-sha256';

type Verifier = typeof verifyEcdsaP256;

const VERIFIERS: Readonly<Record<SignatureAlgorithm, Verifier>> = {
  'ecdsa-p256-sha256': verifyEcdsaP256,
  'ecdsa-p384-sha384': verifyEcdsaP384,
  'rsa-pss-sha384': verifyRsaPss384,
  'rsa-pkcs1-sha256': verifyRsaPkcs1Sha256,
};

/** Eight per platform and its collateral. */
const MAX_REMEMBERED = 256;

/** One found good. Copies, so that nobody can change them. */
interface Good {
  readonly algorithm: SignatureAlgorithm;
  readonly publicKey: Uint8Array<ArrayBuffer>;
  readonly message: Uint8Array<ArrayBuffer>;
  readonly signature: Uint8Array<ArrayBuffer>;
}

/** By the beginning of the signature; of two that begin alike, the later one is remembered. */
const good = new Map<number, Good>();

/**
 * Whether the signature is good, computed once for equal arguments.
 *
 * @param publicKey - 64 or 96 bytes x ‖ y, or the DER SubjectPublicKeyInfo of an RSA key. A key of
 *   another kind than `algorithm` needs verifies nothing.
 * @param signature - r ‖ s, or as many bytes as the RSA modulus.
 */
export async function verifyEndorsedSignature(
  publicKey: Uint8Array<ArrayBuffer>,
  message: Uint8Array<ArrayBuffer>,
  signature: Uint8Array<ArrayBuffer>,
  algorithm: SignatureAlgorithm = 'ecdsa-p256-sha256',
): Promise<boolean> {
  const name = beginningOf(signature);
  const known = good.get(name);
  if (
    known?.algorithm === algorithm &&
    sameBytes(known.publicKey, publicKey) &&
    sameBytes(known.signature, signature) &&
    sameBytes(known.message, message)
  ) {
    return true;
  }
  // Copied first: what is remembered is what was verified, whatever happens to the originals meanwhile.
  const copy: Good = {
    algorithm,
    publicKey: publicKey.slice(),
    message: message.slice(),
    signature: signature.slice(),
  };
  if (!(await VERIFIERS[algorithm](copy.publicKey, copy.message, copy.signature))) return false;
  // Maps keep the order of insertion, so the first is the oldest.
  if (good.size >= MAX_REMEMBERED) good.delete(good.keys().next().value ?? name);
  good.set(name, copy);
  return true;
}
