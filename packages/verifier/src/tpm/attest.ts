/**
 * TPMS_ATTEST of a quote (Trusted Platform Module Library, part 2, "TPMS_ATTEST", "TPMS_QUOTE_INFO",
 * "TPMS_CLOCK_INFO", "TPML_PCR_SELECTION"): the bytes that a TPM signs.
 *
 * @module
 */
import { MalformedEvidenceError, toHex } from '@vitrine/documents/evidence';
import { refuse } from '../refusal.ts';
import { finishTpm, openTpm, type TpmReader, takeBytes, takeExactly, takeNumber, takeSized } from './reader.ts';

export interface PcrSelection {
  /** TPM_ALG_ID of the bank. */
  readonly bank: number;
  /** Ascending. */
  readonly indexes: readonly number[];
}

/** Byte strings are lower-case hexadecimal. */
export interface TpmAttest {
  /** The bytes that are signed. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Name of the key with that of its parents. */
  readonly qualifiedSigner: string;
  /** What the caller of the quote gave to be signed, usually a nonce. */
  readonly extraData: string;
  /** Milliseconds of the TPM's own clock. */
  readonly clock: string;
  readonly resetCount: string;
  readonly restartCount: string;
  /** Whether the clock has never gone back under this value. */
  readonly safe: boolean;
  readonly firmwareVersion: string;
  /** In the order in which the values were hashed. */
  readonly selections: readonly PcrSelection[];
  readonly pcrDigest: string;
}

export const MAGIC_CHECK = 'tpm.magic';

/** TPM_GENERATED_VALUE: what a restricted key signs begins so only if the TPM itself made it. */
const TPM_GENERATED = 'ff544347';
/** TPM_ST_ATTEST_QUOTE. */
const ATTEST_QUOTE = 0x8018;
const WHAT = 'TPM attestation';
/** Algorithm and the longest digest. */
const MAX_NAME_BYTES = 66;
const MAX_DIGEST_BYTES = 64;
/** There is one selection for each bank, and no TPM has more banks. */
const MAX_SELECTIONS = 16;
/** 32 registers. */
const MAX_SELECT_BYTES = 4;

/** Whether `bytes` begin like a quote made by a TPM. */
export function isTpmAttest(bytes: Uint8Array): boolean {
  return toHex(bytes.subarray(0, 4)) === TPM_GENERATED && hasQuoteType(bytes);
}

/** Whether `bytes` have the type of a quote in its place, whoever made them. */
export function hasQuoteType(bytes: Uint8Array): boolean {
  return toHex(bytes.subarray(4, 6)) === ATTEST_QUOTE.toString(16);
}

/**
 * Reads a TPMS_ATTEST and gives what follows it in `bytes`.
 *
 * @throws RefusalError
 * @throws MalformedEvidenceError by check `tpm.magic` when no TPM made these bytes.
 */
export function takeTpmAttest(bytes: Uint8Array<ArrayBuffer>): {
  readonly attest: TpmAttest;
  readonly rest: Uint8Array<ArrayBuffer>;
} {
  const reader = openTpm(bytes, WHAT);
  const magic = toHex(takeBytes(reader, 4));
  if (magic !== TPM_GENERATED) {
    throw new MalformedEvidenceError(
      MAGIC_CHECK,
      `the signed bytes do not say that a TPM made them: expected ${TPM_GENERATED}, found ${magic}`,
    );
  }
  takeExactly(reader, 2, ATTEST_QUOTE, 'type of attestation');
  const fields = {
    qualifiedSigner: toHex(takeSized(reader, MAX_NAME_BYTES, 'name of the signer')),
    extraData: toHex(takeSized(reader, MAX_NAME_BYTES, 'qualifying data')),
    clock: toHex(takeBytes(reader, 8)),
    resetCount: toHex(takeBytes(reader, 4)),
    restartCount: toHex(takeBytes(reader, 4)),
    safe: takeYesNo(reader),
    firmwareVersion: toHex(takeBytes(reader, 8)),
    selections: takeSelections(reader),
    pcrDigest: toHex(takeSized(reader, MAX_DIGEST_BYTES, 'digest of the registers')),
  };
  return {
    attest: { bytes: bytes.subarray(0, reader.offset), ...fields },
    rest: bytes.subarray(reader.offset),
  };
}

/**
 * Reads exactly one TPMS_ATTEST.
 *
 * @throws RefusalError
 * @throws MalformedEvidenceError by check `tpm.magic` when no TPM made these bytes.
 */
export function readTpmAttest(bytes: Uint8Array<ArrayBuffer>): TpmAttest {
  const { attest, rest } = takeTpmAttest(bytes);
  finishTpm(openTpm(rest, WHAT));
  return attest;
}

function takeYesNo(reader: TpmReader): boolean {
  const value = takeNumber(reader, 1);
  return value <= 1 ? value === 1 : refuse(`${WHAT}: neither yes nor no where the clock is said to be safe`);
}

function takeSelections(reader: TpmReader): readonly PcrSelection[] {
  const count = takeNumber(reader, 4);
  if (count > MAX_SELECTIONS) refuse(`${WHAT}: more than ${MAX_SELECTIONS} selections of registers`);
  const selections = Array.from({ length: count }, () => takeSelection(reader));
  if (new Set(selections.map(({ bank }) => bank)).size !== count) refuse(`${WHAT}: one bank selected twice`);
  return selections;
}

/** Register 0 is the lowest bit of the first byte. */
function takeSelection(reader: TpmReader): PcrSelection {
  const bank = takeNumber(reader, 2);
  const size = takeNumber(reader, 1);
  if (size > MAX_SELECT_BYTES) refuse(`${WHAT}: a selection of more than ${MAX_SELECT_BYTES * 8} registers`);
  const bitmap = takeBytes(reader, size);
  const all = Array.from({ length: size * 8 }, (_, index) => index);
  return { bank, indexes: all.filter((index) => ((bitmap[index >> 3] ?? 0) >> (index & 7)) & 1) };
}
