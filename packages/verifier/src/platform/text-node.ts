/**
 * The part of `#crypto` that turns text into bytes and back, under Node.js, whose buffers do it in a
 * tenth of the time. They skip what they do not understand, so what was read is written again: only a
 * text that comes out as it went in is accepted. The same functions as in `text-web.ts`.
 *
 * @module
 */

/** Lower-case hexadecimal. */
export function hexOf({ buffer, byteOffset, length }: Uint8Array<ArrayBuffer>): string {
  return Buffer.from(buffer, byteOffset, length).toString('hex');
}

/** Bytes of lower-case hexadecimal; `undefined` for anything else, upper case included. */
export function bytesOfHex(text: string): Uint8Array<ArrayBuffer> | undefined {
  return text.length % 2 === 0 ? decode(text, 'hex', text.length / 2) : undefined;
}

/** Bytes of canonical padded base64 (RFC 4648, section 4); `undefined` for anything else. */
export function bytesOfBase64(text: string): Uint8Array<ArrayBuffer> | undefined {
  if (text.length % 4 !== 0) return undefined;
  const padding = text.endsWith('==') ? 2 : text.endsWith('=') ? 1 : 0;
  return decode(text, 'base64', (text.length / 4) * 3 - padding);
}

function decode(text: string, encoding: 'hex' | 'base64', length: number): Uint8Array<ArrayBuffer> | undefined {
  // Not of the pool that small buffers share, in which others write.
  const bytes = new Uint8Array(length);
  const buffer = Buffer.from(bytes.buffer);
  return buffer.write(text, encoding) === length && buffer.toString(encoding) === text ? bytes : undefined;
}
