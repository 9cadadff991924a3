/**
 * The arithmetic checks on P-384 values that must not depend on which crypto library runs below:
 * a point is on the curve, and r and s are between 1 and n - 1. The same as `p256.ts`.
 *
 * Domain parameters: FIPS 186-4 appendix D.1.2.4; public key validation: SP 800-56A, 5.6.2.3.3.
 *
 * @module
 */

const P = 0xfffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffeffffffff0000000000000000ffffffffn;
const B = 0xb3312fa7e23ee7e4988e056be3f82d19181d9c6efe8141120314088f5013875ac656398d8a2ed19d2a85c8edd3ec2aefn;
const N = 0xffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973n;

/** SubjectPublicKeyInfo of an uncompressed point on P-384, up to the coordinates (RFC 5480). */
export const P384_SPKI_HEAD: Uint8Array<ArrayBuffer> = Uint8Array.from([
  0x30, 0x76, 0x30, 0x10, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x05, 0x2b, 0x81, 0x04, 0x00,
  0x22, 0x03, 0x62, 0x00, 0x04,
]);

/** Whether 96 bytes x ‖ y are the coordinates of a point of P-384, neither reduced nor at infinity. */
export function isP384Point(publicKeyXY: Uint8Array): boolean {
  if (publicKeyXY.length !== 96) return false;
  const x = toInteger(publicKeyXY, 0);
  const y = toInteger(publicKeyXY, 48);
  if (x >= P || y >= P) return false;
  return (y * y - (x * x * x - 3n * x + B)) % P === 0n;
}

/** Whether 96 bytes r ‖ s are both in 1 … n - 1. */
export function isP384Signature(signatureRS: Uint8Array): boolean {
  if (signatureRS.length !== 96) return false;
  const r = toInteger(signatureRS, 0);
  const s = toInteger(signatureRS, 48);
  return r > 0n && r < N && s > 0n && s < N;
}

function toInteger(bytes: Uint8Array, offset: number): bigint {
  const view = new DataView(bytes.buffer, bytes.byteOffset + offset, 48);
  let value = 0n;
  for (let word = 0; word < 48; word += 8) value = (value << 64n) | view.getBigUint64(word);
  return value;
}
