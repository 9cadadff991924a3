/**
 * Sizes in buckets: what is encrypted is padded, so that its length says only which bucket it falls into.
 *
 * The length stands inside, before the content; the padding is zero and as short as the bucket allows.
 *
 * @module
 */

const LENGTH_BYTES = 4;
const SMALLEST_BUCKET = 256;
/** Up to here buckets double; beyond, they are multiples of this, which wastes less. */
const LARGEST_DOUBLING = 65_536;

/** Bytes that content of `length` bytes takes, padded. */
export function bucketSize(length: number): number {
  const needed = length + LENGTH_BYTES;
  if (needed > LARGEST_DOUBLING) return Math.ceil(needed / LARGEST_DOUBLING) * LARGEST_DOUBLING;
  let size = SMALLEST_BUCKET;
  while (size < needed) size *= 2;
  return size;
}

export function pad(content: Uint8Array): Uint8Array<ArrayBuffer> {
  const padded = new Uint8Array(bucketSize(content.length));
  new DataView(padded.buffer).setUint32(0, content.length);
  padded.set(content, LENGTH_BYTES);
  return padded;
}

/** The content, copied; `undefined` where it was not padded by {@link pad}. */
export function unpad(padded: Uint8Array): Uint8Array<ArrayBuffer> | undefined {
  if (padded.length < SMALLEST_BUCKET) return undefined;
  const length = new DataView(padded.buffer, padded.byteOffset, padded.byteLength).getUint32(0);
  if (bucketSize(length) !== padded.length) return undefined;
  for (let index = LENGTH_BYTES + length; index < padded.length; index++) if (padded[index] !== 0) return undefined;
  return Uint8Array.from(padded.subarray(LENGTH_BYTES, LENGTH_BYTES + length));
}
