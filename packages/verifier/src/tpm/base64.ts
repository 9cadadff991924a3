/**
 * Padded base64 (RFC 4648, section 4), decoded strictly.
 *
 * @module
 */
import { fromBase64Url } from '@vitrine/documents/evidence';

/** Bytes of canonical padded base64; `undefined` for anything else. */
export function decodeBase64(text: string): Uint8Array<ArrayBuffer> | undefined {
  if (text.length % 4 !== 0 || !/^[A-Za-z0-9+/]*={0,2}$/.test(text)) return undefined;
  return fromBase64Url(text.replace(/=+$/, '').replaceAll('+', '-').replaceAll('/', '_'));
}
