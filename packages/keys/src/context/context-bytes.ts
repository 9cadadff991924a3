/**
 * Bytes with a context: what the actions `sign`, `encrypt`, `decrypt` and `mac` work on.
 *
 * `"vitrine/sign/v1" ‖ 0x00 ‖ LP(context) ‖ message`, where LP is a big-endian 16-bit length before the
 * bytes; `encrypt`, `decrypt` and `mac` have tags of their own. So nothing that is signed here is ever a
 * transaction, a token, a certificate, a handshake or an SSH message, and nothing that is signed under one
 * context is valid under another. Test vectors: `vectors/context.json`.
 *
 * @module
 */
import { concatBytes } from '@vitrine/documents';
import { type Intent, RefusedRequestError } from '../intent.ts';

export type ContextAction = 'sign' | 'encrypt' | 'decrypt' | 'mac';

const CONTEXT = /^[\x21-\x7e]{1,128}$/;
const encoder = new TextEncoder();

/**
 * The bytes that are signed for `message` under `context`.
 *
 * @param context - 1 to 128 visible ASCII characters, chosen by the application.
 * @throws RefusedRequestError with code `context.malformed`.
 */
export function contextBytes(context: string, message: Uint8Array): Uint8Array<ArrayBuffer> {
  return withTag('sign', context, message);
}

/** The bytes that are authenticated for `message` under `context` by the action `mac`. */
export function macBytes(context: string, message: Uint8Array): Uint8Array<ArrayBuffer> {
  return withTag('mac', context, message);
}

/** Associated data of what is encrypted under `context`; the same for decryption. */
export function encryptionContext(context: string): Uint8Array<ArrayBuffer> {
  return withTag('encrypt', context, new Uint8Array(0));
}

/**
 * The intent of a request with a context.
 *
 * @param payload - Message, plaintext or ciphertext.
 * @throws RefusedRequestError with code `context.malformed`.
 */
export function contextIntent(
  action: ContextAction,
  context: string,
  payload: Uint8Array,
): Extract<Intent, { action: ContextAction }> {
  return { action, context, bytes: withTag(action, context, payload) };
}

/** What the intent was made of beside its context: message, plaintext or ciphertext. */
export function payloadOf({ action, context, bytes }: Extract<Intent, { action: ContextAction }>): Uint8Array {
  return bytes.subarray(encoder.encode(`vitrine/${action}/v1`).length + 3 + encoder.encode(context).length);
}

function withTag(action: ContextAction, context: string, payload: Uint8Array): Uint8Array<ArrayBuffer> {
  if (!CONTEXT.test(context)) {
    throw new RefusedRequestError(
      'context.malformed',
      'the context is missing or malformed; give 1 to 128 visible ASCII characters without blanks that name the use',
    );
  }
  const name = encoder.encode(context);
  const tag = encoder.encode(`vitrine/${action}/v1`);
  return concatBytes(tag, Uint8Array.of(0, name.length >> 8, name.length & 0xff), name, payload);
}
