/**
 * Structures that go both ways: public areas and their names, selections of registers, NV indexes
 * (Trusted Platform Module Library, part 2, "TPMT_PUBLIC", "TPML_PCR_SELECTION", "TPMS_NV_PUBLIC").
 *
 * @module
 */
import { hash } from 'node:crypto';
import { concatBytes, sameBytes } from '@vitrine/documents';
import {
  type Bytes,
  finishReader,
  malformed,
  openReader,
  sized,
  takeBytes,
  takeNumber,
  takeSized,
  takeSizedExactly,
  u8,
  u16,
  u32,
  type WireReader,
} from './wire.ts';

/** Algorithm identifiers ("TPM_ALG_ID"). */
export const TpmAlg = {
  hmac: 0x0005,
  aes: 0x0006,
  keyedHash: 0x0008,
  sha256: 0x000b,
  sha384: 0x000c,
  null: 0x0010,
  ecdsa: 0x0018,
  ecc: 0x0023,
  cfb: 0x0043,
} as const;

/** Permanent handles ("TPM_RH"). */
export const TpmRh = { owner: 0x4000_0001, null: 0x4000_0007, endorsement: 0x4000_000b } as const;

/** Bits of TPMA_OBJECT. */
export const ObjectAttribute = {
  fixedTpm: 1 << 1,
  fixedParent: 1 << 4,
  sensitiveDataOrigin: 1 << 5,
  userWithAuth: 1 << 6,
  adminWithPolicy: 1 << 7,
  noDictionaryAttack: 1 << 10,
  restricted: 1 << 16,
  decrypt: 1 << 17,
  sign: 1 << 18,
} as const;

const CURVE_P256 = 0x0003;
const COORDINATE_BYTES = 32;
const DIGEST_BYTES = 32;
/** Registers of a PC Client TPM. */
export const PCR_COUNT = 24;

/** What the TPM calls an object: nameAlg ‖ digest of its public area. */
export function nameOf(publicArea: Uint8Array): Bytes {
  return concatBytes(u16(TpmAlg.sha256), sha256(publicArea));
}

export function sha256(...parts: readonly Uint8Array[]): Bytes {
  return Uint8Array.from(hash('sha256', concatBytes(...parts), 'buffer'));
}

/** A public area but for its last member, `unique`. */
export interface EccTemplate {
  readonly attributes: number;
  /** TPMT_SYM_DEF_OBJECT. */
  readonly symmetric: Bytes;
  /** TPMT_ECC_SCHEME. */
  readonly scheme: Bytes;
}

export interface EccPublic {
  /** TPMT_PUBLIC. */
  readonly area: Bytes;
  readonly name: Bytes;
  /** 64 bytes. */
  readonly xy: Bytes;
}

function eccPrefix({ attributes, symmetric, scheme }: EccTemplate): Bytes {
  return concatBytes(
    u16(TpmAlg.ecc),
    u16(TpmAlg.sha256),
    u32(attributes),
    sized(),
    symmetric,
    scheme,
    u16(CURVE_P256),
    u16(TpmAlg.null),
  );
}

/** TPMT_PUBLIC of a P-256 key; the point of a template for making a primary key is 64 zero bytes. */
export function eccPublicArea(template: EccTemplate, xy: Uint8Array = new Uint8Array(2 * COORDINATE_BYTES)): Bytes {
  return concatBytes(
    eccPrefix(template),
    sized(xy.subarray(0, COORDINATE_BYTES)),
    sized(xy.subarray(COORDINATE_BYTES)),
  );
}

/** Reads a TPMT_PUBLIC that must be of `template`. */
export function parseEccPublic(area: Bytes, template: EccTemplate): EccPublic {
  const reader = openReader(area, 'the public area of a key');
  const prefix = eccPrefix(template);
  if (!sameBytes(takeBytes(reader, prefix.length), prefix)) {
    throw malformed(reader.what, 'it is not of the template that was asked for');
  }
  const xy = concatBytes(takeCoordinate(reader), takeCoordinate(reader));
  finishReader(reader);
  return { area, name: nameOf(area), xy };
}

/** A coordinate or scalar; some TPMs leave leading zeros out. */
function takeCoordinate(reader: WireReader): Bytes {
  const digits = takeSized(reader, COORDINATE_BYTES, 'a coordinate');
  const padded = new Uint8Array(COORDINATE_BYTES);
  padded.set(digits, COORDINATE_BYTES - digits.length);
  return padded;
}

export interface PcrSelection {
  readonly bank: number;
  /** Ascending. */
  readonly indexes: readonly number[];
}

/** TPML_PCR_SELECTION with one bank. Register 0 is the lowest bit of the first byte. */
export function pcrSelection(bank: number, indexes: readonly number[]): Bytes {
  const bitmap = new Uint8Array(PCR_COUNT / 8);
  for (const index of indexes) bitmap[index >> 3] = (bitmap[index >> 3] ?? 0) | (1 << (index & 7));
  return concatBytes(u32(1), u16(bank), u8(bitmap.length), bitmap);
}

/** Reads a TPML_PCR_SELECTION. */
export function takePcrSelections(reader: WireReader): readonly PcrSelection[] {
  const count = takeNumber(reader, 4);
  if (count > 16) throw malformed(reader.what, `${count} selections of registers`);
  return Array.from({ length: count }, () => {
    const bank = takeNumber(reader, 2);
    const size = takeNumber(reader, 1);
    if (size > 4) throw malformed(reader.what, `a selection of ${size * 8} registers`);
    const bitmap = takeBytes(reader, size);
    const all = Array.from({ length: size * 8 }, (_, index) => index);
    return { bank, indexes: all.filter((index) => ((bitmap[index >> 3] ?? 0) >> (index & 7)) & 1) };
  });
}

export interface NvPublic {
  readonly index: number;
  /** TPMA_NV. */
  readonly attributes: number;
  readonly size: number;
}

/** Bits of TPMA_NV. */
export const NvAttribute = {
  authWrite: 1 << 2,
  counter: 1 << 4,
  authRead: 1 << 18,
  noDictionaryAttack: 1 << 25,
  written: 1 << 29,
} as const;

/** TPMS_NV_PUBLIC of an index without a policy. */
export function nvPublicArea({ index, attributes, size }: NvPublic): Bytes {
  return concatBytes(u32(index), u16(TpmAlg.sha256), u32(attributes), sized(), u16(size));
}

/** A TPMS_NV_PUBLIC; `isPlain` says whether its digest is SHA-256 and it has no policy. */
export function parseNvPublic(bytes: Uint8Array): NvPublic & { readonly isPlain: boolean } {
  const reader = openReader(bytes, 'the description of an NV index');
  const index = takeNumber(reader, 4);
  const algorithm = takeNumber(reader, 2);
  const attributes = takeNumber(reader, 4);
  const policy = takeSized(reader, 64, 'the policy');
  const size = takeNumber(reader, 2);
  finishReader(reader);
  return { index, attributes, size, isPlain: algorithm === TpmAlg.sha256 && policy.length === 0 };
}

/** TPMT_SIGNATURE with ECDSA and SHA-256, as 64 bytes r ‖ s. */
export function takeEcdsaSignature(reader: WireReader): Bytes {
  const scheme = takeNumber(reader, 2);
  const digest = takeNumber(reader, 2);
  if (scheme !== TpmAlg.ecdsa || digest !== TpmAlg.sha256) {
    throw malformed(reader.what, 'the signature is not ECDSA with SHA-256');
  }
  return concatBytes(takeCoordinate(reader), takeCoordinate(reader));
}

/** TPMT_SIGNATURE of 64 bytes r ‖ s. */
export function ecdsaSignature(signature: Uint8Array): Bytes {
  return concatBytes(
    u16(TpmAlg.ecdsa),
    u16(TpmAlg.sha256),
    sized(signature.subarray(0, COORDINATE_BYTES)),
    sized(signature.subarray(COORDINATE_BYTES)),
  );
}

/** Values of SHA-256 registers by number. */
export function takeDigest(reader: WireReader, name: string): Bytes {
  return takeSizedExactly(reader, DIGEST_BYTES, name);
}
