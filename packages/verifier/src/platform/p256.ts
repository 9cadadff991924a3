/**
 * The arithmetic checks on P-256 values that must not depend on which crypto library runs below:
 * a point is on the curve, and r and s are between 1 and n - 1.
 *
 * Domain parameters: FIPS 186-4 appendix D.1.2.3; public key validation: SP 800-56A, 5.6.2.3.3.
 *
 * @module
 */

const P = 0xffffffff00000001000000000000000000000000ffffffffffffffffffffffffn;
const B = 0x5ac635d8aa3a93e7b3ebbd55769886bc651d06b0cc53b0f63bce3c3e27d2604bn;
/** n as 32 bytes. */
const ORDER = Uint8Array.from([
  0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xbc, 0xe6, 0xfa,
  0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
]);

/**
 * Whether 64 bytes x ‖ y are the coordinates of a point of P-256, neither reduced nor at infinity.
 * OpenSSL refuses all others by itself; WebCrypto leaves it to the browser.
 */
export function isP256Point(publicKeyXY: Uint8Array): boolean {
  if (publicKeyXY.length !== 64) return false;
  const x = toInteger(publicKeyXY, 0);
  const y = toInteger(publicKeyXY, 32);
  if (x >= P || y >= P) return false;
  return (y * y - (x * x * x - 3n * x + B)) % P === 0n;
}

/** Whether 64 bytes r ‖ s are both in 1 … n - 1. */
export function isP256Signature(signatureRS: Uint8Array): boolean {
  return signatureRS.length === 64 && isScalar(signatureRS, 0) && isScalar(signatureRS, 32);
}

/** Whether the 32 bytes at `offset` are a number in 1 … n - 1. Byte by byte, which decides at the first few. */
function isScalar(bytes: Uint8Array, offset: number): boolean {
  let index = 0;
  while (index < 32 && bytes[offset + index] === ORDER[index]) index++;
  const below = index < 32 && (bytes[offset + index] ?? 0xff) < (ORDER[index] ?? 0);
  return below && !isZero(bytes, offset);
}

function isZero(bytes: Uint8Array, offset: number): boolean {
  let index = 0;
  while (index < 32 && bytes[offset + index] === 0) index++;
  return index === 32;
}

function toInteger(bytes: Uint8Array, offset: number): bigint {
  const view = new DataView(bytes.buffer, bytes.byteOffset + offset, 32);
  let value = 0n;
  for (let word = 0; word < 32; word += 8) value = (value << 64n) | view.getBigUint64(word);
  return value;
}
