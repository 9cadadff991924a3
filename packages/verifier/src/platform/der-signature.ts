/**
 * ECDSA signatures in the form that node:crypto verifies fastest: for r ‖ s it takes longer, since it
 * converts them by way of two big numbers and copies what it is told about the key.
 *
 * @module
 */

/** ECDSA-Sig-Value (RFC 3279, 2.2.3) of r ‖ s, of 32 or 48 bytes each. */
export function derSignature(signatureRS: Uint8Array<ArrayBuffer>): Uint8Array {
  const size = signatureRS.length / 2;
  const der = new Uint8Array(2 * size + 8);
  let end = writeInteger(der, 2, signatureRS, 0, size);
  end = writeInteger(der, end, signatureRS, size, size);
  der[0] = 0x30;
  der[1] = end - 2;
  return der.subarray(0, end);
}

/** Writes `size` bytes from `offset` as a minimal INTEGER at `start`; gives its end. */
function writeInteger(der: Uint8Array, start: number, bytes: Uint8Array, offset: number, size: number): number {
  let first = offset;
  while (first < offset + size - 1 && bytes[first] === 0) first++;
  // A leading bit would make it negative.
  const sign = (bytes[first] ?? 0) >= 0x80 ? 1 : 0;
  const length = offset + size - first;
  der[start] = 0x02;
  der[start + 1] = length + sign;
  // Byte by byte: for so few, making a view takes longer than copying.
  for (let index = first; index < offset + size; index++) der[start + 2 + sign + index - first] = bytes[index] ?? 0;
  return start + 2 + sign + length;
}
