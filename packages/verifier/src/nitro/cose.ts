/**
 * COSE_Sign1 (RFC 9052, section 4.2) as Nitro documents use it: ES384 and nothing else.
 *
 * The protected header must be exactly `{1: -35}` and the unprotected one empty: a header that may
 * name another algorithm or key would let the document choose how it is checked.
 *
 * @module
 */
import { concatBytes, sameBytes, toHex } from '@vitrine/documents/evidence';
import { cborBytes, cborEntries, cborItems } from '../cbor/fields.ts';
import { type CborLimits, readCbor } from '../cbor/read.ts';
import { refuse } from '../refusal.ts';

export interface CoseSign1 {
  readonly payload: Uint8Array<ArrayBuffer>;
  /** 96 bytes r ‖ s over {@link signatureInput}. */
  readonly signature: Uint8Array<ArrayBuffer>;
}

/** `{1: -35}`: algorithm ES384 (RFC 9053, section 2.1). */
const ES384_HEADER = Uint8Array.from([0xa1, 0x01, 0x38, 0x22]);
/** Tag of COSE_Sign1, which signers may leave out. */
const COSE_SIGN1 = 18;
const SIGNATURE_BYTES = 96;

/** The Nitro security module answers with at most 12288 bytes. */
const MAX_DOCUMENT_BYTES = 16 * 1024;
const LIMITS: CborLimits = {
  maxBytes: MAX_DOCUMENT_BYTES,
  // Tag, array, and the map that has to be empty.
  maxDepth: 3,
  maxItems: 16,
  tags: [COSE_SIGN1],
  indefiniteMap: 'refused',
};

const TAG_BYTE = 0xc0 | COSE_SIGN1;
const ARRAY_OF_FOUR = 0x84;
/** Major type and short lengths of a byte string. */
const BYTES_HEAD = 0x40;
const SHORT_LENGTH = 0x17;

/** The array `["Signature1", protected, external_aad, payload]` up to the head of the payload; nothing external is signed. */
const SIGNATURE_INPUT_HEAD = concatBytes(
  Uint8Array.of(ARRAY_OF_FOUR, 0x6a),
  new TextEncoder().encode('Signature1'),
  Uint8Array.of(BYTES_HEAD | ES384_HEADER.length),
  ES384_HEADER,
  Uint8Array.of(BYTES_HEAD),
);

/** Whether `bytes` begin like a COSE_Sign1 with a short header. Says nothing about the rest. */
export function isCoseSign1(bytes: Uint8Array): boolean {
  const start = bytes[0] === TAG_BYTE ? 1 : 0;
  const header = bytes[start + 1] ?? 0;
  return bytes[start] === ARRAY_OF_FOUR && header > BYTES_HEAD && header <= BYTES_HEAD + SHORT_LENGTH;
}

/**
 * Reads exactly one COSE_Sign1.
 *
 * @throws RefusalError
 */
export function readCoseSign1(bytes: Uint8Array<ArrayBuffer>, what: string): CoseSign1 {
  const outer = readCbor(bytes, LIMITS, what);
  const [header, unprotected, payload, signature] = cborItems(
    outer.kind === 'tag' ? outer.value : outer,
    4,
    4,
    `${what}: COSE_Sign1`,
  );
  if (header === undefined || unprotected === undefined || payload === undefined || signature === undefined) {
    return refuse(`${what}: COSE_Sign1 is incomplete`);
  }
  const found = cborBytes(header, 0, MAX_DOCUMENT_BYTES, `${what}: protected header`);
  if (!sameBytes(found, ES384_HEADER)) {
    refuse(`${what}: the protected header is not that of ES384 alone`, {
      expected: toHex(ES384_HEADER),
      actual: toHex(found.subarray(0, 64)),
    });
  }
  if (cborEntries(unprotected, `${what}: unprotected header`).size > 0) {
    refuse(`${what}: an unprotected header, which nobody signed`);
  }
  return {
    payload: cborBytes(payload, 1, MAX_DOCUMENT_BYTES, `${what}: payload`),
    signature: cborBytes(signature, SIGNATURE_BYTES, SIGNATURE_BYTES, `${what}: signature`),
  };
}

/** The bytes that are signed: Sig_structure of RFC 9052, section 4.4. */
export function signatureInput({ payload }: CoseSign1): Uint8Array<ArrayBuffer> {
  const { length } = payload;
  // The payload is bounded by MAX_DOCUMENT_BYTES, so two length bytes are enough.
  const head = length < 24 ? [BYTES_HEAD | length] : length < 256 ? [0x58, length] : [0x59, length >> 8, length & 0xff];
  return concatBytes(SIGNATURE_INPUT_HEAD, Uint8Array.from(head), payload);
}
