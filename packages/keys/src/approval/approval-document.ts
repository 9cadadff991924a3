/**
 * What an approver signs: one request in exact bytes, for one key, once.
 *
 * The document is canonical JSON (RFC 8785), so it has one spelling. Plain signatures are made over
 * `"vitrine/approval/v1" ‖ 0x00 ‖ document`; an authenticator's challenge is the SHA-256 of the document.
 *
 * @module
 */
import { createHash } from 'node:crypto';
import {
  base64Url,
  canonicalBytes,
  concatBytes,
  hex,
  type Infer,
  integer,
  object,
  oneOf,
  optional,
  type Shape,
  text,
} from '@vitrine/documents';

const shape = object({
  type: oneOf('vitrine/approval/v1'),
  /** Name of the key that would be used. */
  key: text('the name of a key'),
  keyVersion: integer(1),
  /** Raw, lower-case hexadecimal; symmetric keys have none. */
  publicKey: optional(text('a raw public key in lower-case hexadecimal', /^(?:[0-9a-f]{2})+$/)),
  action: oneOf(
    'evm.transaction',
    'evm.message',
    'evm.typed-data',
    'solana.message',
    'jws',
    'sign',
    'encrypt',
    'decrypt',
    'mac',
  ),
  /** SHA-256 of exactly the bytes of the intent: what is signed, for a chain before hashing. */
  bytes: hex(32),
  /** Digest of the manifest under which the key is used. */
  manifest: hex(48),
  /** Made by the key service, so that an approval is good once. */
  nonce: base64Url(32),
  /** Seconds since 1970 by the service's clock, for people; the service itself goes by a clock that is never set. */
  expires: integer(0),
});

export type ApprovalDocument = Infer<typeof shape>;
export const approvalDocumentShape: Shape<ApprovalDocument> = shape;

/** What is to be approved. */
export interface ApprovalSubject extends Omit<ApprovalDocument, 'type' | 'bytes' | 'nonce' | 'expires'> {
  /** The bytes of the intent. */
  readonly bytes: Uint8Array;
}

/** The text that approvers sign. */
export function approvalDocument(what: ApprovalSubject & Pick<ApprovalDocument, 'nonce' | 'expires'>): string {
  const document: ApprovalDocument = {
    type: 'vitrine/approval/v1',
    key: what.key,
    keyVersion: what.keyVersion,
    ...(what.publicKey === undefined ? {} : { publicKey: what.publicKey }),
    action: what.action,
    bytes: createHash('sha256').update(what.bytes).digest('hex'),
    manifest: what.manifest,
    nonce: what.nonce,
    expires: what.expires,
  };
  return new TextDecoder().decode(canonicalBytes(document));
}

/** What an Ed25519 or P-256 approver's signature is over. */
export function approvalBytes(document: string): Uint8Array<ArrayBuffer> {
  const encoder = new TextEncoder();
  return concatBytes(encoder.encode('vitrine/approval/v1'), Uint8Array.of(0), encoder.encode(document));
}
