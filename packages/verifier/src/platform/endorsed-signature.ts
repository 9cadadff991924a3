/**
 * Signatures of a vendor over its own documents: certificates, revocation lists, TCB info. The same
 * few come with every piece of evidence of one platform, so those found good are remembered.
 *
 * That a signature is good is a fact about key, text and signature, and does not depend on time,
 * policy or trust; all of these are judged anew each time. Bad signatures are not remembered, and
 * signatures by the machine itself never come here.
 *
 * @module
 */
import { concatBytes, toHex } from '@vitrine/documents';
import { sha256, verifyEcdsaP256 } from '#crypto';

/** Eight per platform and its collateral. */
const MAX_REMEMBERED = 512;

/** Digests of 64 bytes key, 64 bytes signature, text: the lengths of the first two make it unambiguous. */
const good = new Set<string>();

/** The same as `verifyEcdsaP256`, computed once for equal arguments. */
export async function verifyEndorsedSignature(
  publicKeyXY: Uint8Array<ArrayBuffer>,
  message: Uint8Array<ArrayBuffer>,
  signatureRS: Uint8Array<ArrayBuffer>,
): Promise<boolean> {
  if (publicKeyXY.length !== 64 || signatureRS.length !== 64) return false;
  const name = toHex(await sha256(concatBytes(publicKeyXY, signatureRS, message)));
  if (good.has(name)) return true;
  if (!(await verifyEcdsaP256(publicKeyXY, message, signatureRS))) return false;
  // Sets keep the order of insertion, so the first is the oldest.
  if (good.size >= MAX_REMEMBERED) good.delete(good.values().next().value ?? name);
  good.add(name);
  return true;
}
