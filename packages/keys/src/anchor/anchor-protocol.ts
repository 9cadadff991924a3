/**
 * What is said to a freshness service and by it, as documents: each question is signed by the key of the state, each
 * answer by that of the service, and an answer has the nonce of its question.
 *
 * Described for those who write a service in `docs/freshness-anchor.md`.
 *
 * @module
 */
import { createPublicKey, verify } from 'node:crypto';
import {
  base64Url,
  canonicalBytes,
  concatBytes,
  fromBase64Url,
  fromHex,
  hex,
  type Infer,
  integer,
  object,
  oneOf,
  optional,
  type Shape,
} from '@vitrine/documents';

const head = object({ sequence: integer(0), digest: hex(32) });

const question = object({
  type: oneOf('vitrine/anchor-question/v1'),
  /** Ed25519 key of the service that is asked: a question to one is none to another. */
  service: hex(32),
  /** Whose state it is. */
  store: hex(32),
  nonce: base64Url(32),
  /** Absent: only where it is. `from` is absent for a store that the service does not know yet. */
  move: optional(object({ from: optional(head), to: head })),
});

const answer = object({
  type: oneOf('vitrine/anchor-answer/v1'),
  store: hex(32),
  /** Of the question. */
  nonce: base64Url(32),
  /** Whether the question has moved it. */
  moved: oneOf(true, false),
  /** Where it is now; absent for a store that is not known. */
  head: optional(head),
  /** What time it is at the service, in milliseconds since 1970. */
  time: integer(0),
});

const signedAnswer = object({ answer, signature: base64Url(64) });

export type AnchorQuestion = Infer<typeof question>;
export type AnchorAnswer = Infer<typeof answer>;
export const signedAnswerShape: Shape<Infer<typeof signedAnswer>> = signedAnswer;

/** What is signed: the type, a zero byte, and the document in its canonical form (RFC 8785). */
export function signedBytes(document: AnchorQuestion | AnchorAnswer): Uint8Array<ArrayBuffer> {
  return concatBytes(new TextEncoder().encode(document.type), Uint8Array.of(0), canonicalBytes(document));
}

/** SubjectPublicKeyInfo of an Ed25519 key up to its 32 bytes (RFC 8410). */
const SPKI_PREFIX = Uint8Array.of(0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00);

/** @param key - Ed25519, hexadecimal. @param signature - base64url. */
export function isSignedBy(key: string, document: AnchorQuestion | AnchorAnswer, signature: string): boolean {
  const [raw, bytes] = [fromHex(key), fromBase64Url(signature)];
  if (raw?.length !== 32 || bytes?.length !== 64) return false;
  const spki = createPublicKey({ key: Buffer.from(concatBytes(SPKI_PREFIX, raw)), format: 'der', type: 'spki' });
  return verify(null, signedBytes(document), spki, bytes);
}
