/**
 * The files in which TPM quotes come. A quote has no standard file, so each form here is one that a
 * tool really writes, and is read exactly: no further members, no other spelling of bytes.
 *
 * 1. Binary: TPMS_ATTEST followed by TPMT_SIGNATURE, the two outputs of `tpm2_quote -m` and `-s`
 *    (format `tss`) one after the other. No values of registers.
 * 2. JSON `{ message, signature, pcrs }` in lower-case hexadecimal: TPMS_ATTEST, the bare RSA
 *    signature, and the 24 values of the SHA-256 bank, as Confidential Containers write for Azure.
 * 3. JSON `{ ak_public, tpm_quote: { message, signature, pcrs } }`: key (SubjectPublicKeyInfo),
 *    TPMS_ATTEST and TPMT_SIGNATURE in padded base64, the 24 values in hexadecimal, as Confidential
 *    Containers write for a TPM.
 * 4. JSON `{ pub, quoted, r, s }` in lower-case hexadecimal: TPMT_PUBLIC, TPMS_ATTEST, and an ECDSA
 *    signature. No values of registers.
 *
 * A key that stands in the file is only compared with the one that the caller trusts.
 *
 * @module
 */
import {
  concatBytes,
  fromHex,
  hex,
  type Infer,
  JsonSyntaxError,
  type JsonValue,
  list,
  object,
  parseStrictJson,
  type Shape,
  showPath,
  text,
} from '@vitrine/documents/evidence';
import { refuse } from '../refusal.ts';
import { hasQuoteType, isTpmAttest, readTpmAttest, type TpmAttest, takeTpmAttest } from './attest.ts';
import { readSpki, readTpmtPublic, type TpmAttestationKey } from './attestation-key.ts';
import { decodeBase64 } from './base64.ts';
import { readTpmSignature, type TpmSignature } from './signature.ts';

export interface TpmQuote {
  readonly attest: TpmAttest;
  readonly signature: TpmSignature;
  /** Values of the SHA-256 bank from register 0, 32 bytes each in lower-case hexadecimal, where the file has them. */
  readonly pcrValues?: readonly string[];
  /** What the file says that the key is. */
  readonly statedKey?: TpmAttestationKey;
}

const PCR_COUNT = 24;
/** The largest form has 3 kB. */
const MAX_FILE_BYTES = 64 * 1024;
const OPENING_BRACE = 0x7b;

const hexText = text('lower-case hexadecimal', /^(?:[0-9a-f]{2}){1,2048}$/);
const base64Text = text('padded base64', /^[A-Za-z0-9+/]{1,4096}={0,2}$/);

const hexQuote = object({ message: hexText, signature: hexText, pcrs: list(hex(32), PCR_COUNT) });
const keyedQuote = object({
  ak_public: base64Text,
  tpm_quote: object({ message: base64Text, signature: base64Text, pcrs: list(hex(32), PCR_COUNT) }),
});
const ecdsaQuote = object({ pub: hexText, quoted: hexText, r: hex(32), s: hex(32) });

/** The member that no other form has, and the form. */
const FORMS: ReadonlyMap<string, (value: JsonValue) => TpmQuote> = new Map([
  ['message', (value) => fromHexQuote(accept(hexQuote, value))],
  ['tpm_quote', (value) => fromKeyedQuote(accept(keyedQuote, value))],
  ['quoted', (value) => fromEcdsaQuote(accept(ecdsaQuote, value))],
]);

/** Whether `bytes` look like one of the forms. Says nothing about the rest. */
export function isTpmQuote(bytes: Uint8Array<ArrayBuffer>): boolean {
  if (isTpmAttest(bytes)) return true;
  if (bytes[0] !== OPENING_BRACE || bytes.length > MAX_FILE_BYTES) return false;
  const value = parseJson(bytes);
  return (
    typeof value === 'object' && value !== null && [...FORMS.keys()].some((member) => Object.hasOwn(value, member))
  );
}

/**
 * Reads one of the forms.
 *
 * @throws RefusalError
 * @throws MalformedEvidenceError by check `tpm.magic`.
 */
export function readTpmForm(bytes: Uint8Array<ArrayBuffer>): TpmQuote {
  if (bytes.length > MAX_FILE_BYTES) refuse(`TPM quote: longer than ${MAX_FILE_BYTES} bytes`);
  if (bytes[0] !== OPENING_BRACE) return readBinary(bytes);
  const value = parseJson(bytes);
  if (typeof value === 'object' && value !== null) {
    for (const [member, read] of FORMS) {
      if (Object.hasOwn(value, member)) return read(value);
    }
  }
  return refuse('TPM quote: not strict JSON of a known form', {
    expected: `an object with one of ${[...FORMS.keys()].join(', ')}`,
  });
}

function readBinary(bytes: Uint8Array<ArrayBuffer>): TpmQuote {
  if (!hasQuoteType(bytes)) refuse('TPM quote: neither JSON nor a TPM attestation');
  const { attest, rest } = takeTpmAttest(bytes);
  if (rest.length === 0) refuse('TPM quote: no signature follows the attestation');
  return { attest, signature: readTpmSignature(rest) };
}

function fromHexQuote({ message, signature, pcrs }: Infer<typeof hexQuote>): TpmQuote {
  return {
    attest: readTpmAttest(bytesOfHex(message)),
    signature: { scheme: 'rsassa', bytes: bytesOfHex(signature) },
    pcrValues: exactly24(pcrs),
  };
}

function fromKeyedQuote({ ak_public: key, tpm_quote: quote }: Infer<typeof keyedQuote>): TpmQuote {
  return {
    attest: readTpmAttest(bytesOfBase64(quote.message)),
    signature: readTpmSignature(bytesOfBase64(quote.signature)),
    pcrValues: exactly24(quote.pcrs),
    statedKey: readSpki(bytesOfBase64(key)),
  };
}

function fromEcdsaQuote({ pub, quoted, r, s }: Infer<typeof ecdsaQuote>): TpmQuote {
  return {
    attest: readTpmAttest(bytesOfHex(quoted)),
    signature: { scheme: 'ecdsa', bytes: concatBytes(bytesOfHex(r), bytesOfHex(s)) },
    statedKey: readTpmtPublic(bytesOfHex(pub)),
  };
}

function exactly24(pcrs: readonly string[]): readonly string[] {
  return pcrs.length === PCR_COUNT
    ? pcrs
    : refuse('TPM quote: wrong number of registers', { expected: String(PCR_COUNT), actual: String(pcrs.length) });
}

function bytesOfHex(digits: string): Uint8Array<ArrayBuffer> {
  return fromHex(digits) ?? refuse('TPM quote: malformed hexadecimal');
}

function bytesOfBase64(digits: string): Uint8Array<ArrayBuffer> {
  return decodeBase64(digits) ?? refuse('TPM quote: malformed base64');
}

/** `undefined` for anything but strict JSON in UTF-8. */
function parseJson(bytes: Uint8Array<ArrayBuffer>): JsonValue | undefined {
  try {
    return parseStrictJson(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes));
  } catch (error) {
    if (error instanceof JsonSyntaxError || error instanceof TypeError) return undefined;
    throw error;
  }
}

function accept<T>(shape: Shape<T>, value: JsonValue): T {
  const parsed = shape.parse(value);
  if (parsed.ok) return parsed.value;
  const [issue] = parsed.issues;
  return refuse(`TPM quote: ${showPath(issue?.path ?? [])}: ${issue?.message ?? 'malformed'}`);
}
