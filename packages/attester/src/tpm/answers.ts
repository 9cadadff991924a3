/**
 * Parameters of answers, read strictly: any bytes give a value or `attester.hardware`.
 *
 * Trusted Platform Module Library, part 3, by command; part 2 for the structures.
 *
 * @module
 */
import { concatBytes, sameBytes } from '@vitrine/documents';
import {
  type EccPublic,
  type EccTemplate,
  type NvPublic,
  nameOf,
  nvPublicArea,
  type PcrSelection,
  parseEccPublic,
  parseNvPublic,
  takeDigest,
  takeEcdsaSignature,
  takePcrSelections,
} from './structures.ts';
import {
  type Bytes,
  finishReader,
  malformed,
  openReader,
  takeBytes,
  takeExactly,
  takeNumber,
  takeSized,
  takeU64,
  u32,
  type WireReader,
} from './wire.ts';

/** Larger than any structure that fits into an answer. */
const MAX_BUFFER = 4096;
const MAX_NAME = 66;
const TAG_CREATION = 0x8021;
const TAG_VERIFIED = 0x8022;
const TAG_QUOTE = 0x8018;
const TPM_GENERATED = 0xff54_4347;
const CAPABILITY_HANDLES = 1;
const CAPABILITY_PCRS = 5;
const CAPABILITY_PROPERTIES = 6;

function read<T>(what: string, parameters: Uint8Array, take: (reader: WireReader) => T): T {
  const reader = openReader(parameters, `the answer to ${what}`);
  const value = take(reader);
  finishReader(reader);
  return value;
}

/** TPM2_CreatePrimary, of a P-256 key of this template. */
export function parseCreatePrimary(parameters: Uint8Array, template: EccTemplate): EccPublic {
  return read('TPM2_CreatePrimary', parameters, (reader) => {
    const key = parseEccPublic(takeSized(reader, MAX_BUFFER, 'the public area'), template);
    takeCreation(reader);
    if (!sameBytes(takeSized(reader, MAX_NAME, 'the name'), key.name)) {
      throw malformed(reader.what, 'the name is not that of the public area');
    }
    return key;
  });
}

export interface CreatedObject {
  /** TPM2B_PRIVATE without its length: encrypted by the TPM for itself. */
  readonly private: Bytes;
  /** TPMT_PUBLIC. */
  readonly public: Bytes;
}

/** TPM2_Create. */
export function parseCreate(parameters: Uint8Array): CreatedObject {
  return read('TPM2_Create', parameters, (reader) => {
    const created = {
      private: takeSized(reader, MAX_BUFFER, 'the private area'),
      public: takeSized(reader, MAX_BUFFER, 'the public area'),
    };
    takeCreation(reader);
    return created;
  });
}

/** Data, hash and ticket of a creation. */
function takeCreation(reader: WireReader): void {
  takeSized(reader, MAX_BUFFER, 'the creation data');
  takeSized(reader, 64, 'the hash of the creation data');
  takeTicket(reader, TAG_CREATION);
}

/** TPMT_TK_…, as it is sent back. */
function takeTicket(reader: WireReader, tag: number): Bytes {
  const start = reader.offset;
  takeExactly(reader, 2, tag, 'the tag of the ticket');
  takeNumber(reader, 4);
  takeSized(reader, 64, 'the digest of the ticket');
  return Uint8Array.from(reader.bytes.subarray(start, reader.offset));
}

/** TPM2_Load and TPM2_LoadExternal: the name, which must be that of `publicArea`. */
export function parseLoad(parameters: Uint8Array, publicArea: Uint8Array): Bytes {
  return read('TPM2_Load', parameters, (reader) => {
    const name = takeSized(reader, MAX_NAME, 'the name');
    if (!sameBytes(name, nameOf(publicArea))) throw malformed(reader.what, 'the name is not that of the public area');
    return name;
  });
}

/** TPM2_VerifySignature: the ticket. */
export function parseVerifySignature(parameters: Uint8Array): Bytes {
  return read('TPM2_VerifySignature', parameters, (reader) => takeTicket(reader, TAG_VERIFIED));
}

/** One buffer: TPM2_Unseal, TPM2_HMAC, TPM2_NV_Read, TPM2_GetRandom, TPM2_PolicyGetDigest. */
export function parseBuffer(what: string, parameters: Uint8Array, length: number): Bytes {
  return read(what, parameters, (reader) => {
    const bytes = takeSized(reader, length, 'what was asked for');
    if (bytes.length === length) return bytes;
    throw malformed(reader.what, `${bytes.length} bytes where ${length} were asked for`);
  });
}

export interface PcrReading {
  /** Moves with each extension. */
  readonly updateCounter: number;
  /** Which of those asked for were read. */
  readonly selections: readonly PcrSelection[];
  readonly values: readonly Bytes[];
}

/** TPM2_PCR_Read. */
export function parsePcrRead(parameters: Uint8Array): PcrReading {
  return read('TPM2_PCR_Read', parameters, (reader) => {
    const updateCounter = takeNumber(reader, 4);
    const selections = takePcrSelections(reader);
    const count = takeNumber(reader, 4);
    if (count > 8) throw malformed(reader.what, `${count} values`);
    const values = Array.from({ length: count }, () => takeSized(reader, 64, 'a value'));
    return { updateCounter, selections, values };
  });
}

export interface QuoteAnswer {
  /** TPMS_ATTEST. */
  readonly attest: Bytes;
  /** TPMT_SIGNATURE. */
  readonly signatureArea: Bytes;
  /** r ‖ s. */
  readonly signature: Bytes;
}

/** TPM2_Quote. */
export function parseQuote(parameters: Uint8Array): QuoteAnswer {
  return read('TPM2_Quote', parameters, (reader) => {
    const attest = takeSized(reader, MAX_BUFFER, 'the attestation');
    const start = reader.offset;
    const signature = takeEcdsaSignature(reader);
    return { attest, signature, signatureArea: Uint8Array.from(reader.bytes.subarray(start, reader.offset)) };
  });
}

export interface AttestedQuote {
  readonly extraData: Bytes;
  readonly selections: readonly PcrSelection[];
  readonly pcrDigest: Bytes;
}

/** TPMS_ATTEST of a quote. */
export function parseAttest(attest: Uint8Array): AttestedQuote {
  return read('TPM2_Quote', attest, (reader) => {
    takeExactly(reader, 4, TPM_GENERATED, 'what the TPM signs');
    takeExactly(reader, 2, TAG_QUOTE, 'the type of the attestation');
    takeSized(reader, MAX_NAME, 'the name of the signer');
    const extraData = takeSized(reader, 64, 'the qualifying data');
    takeBytes(reader, 8 + 4 + 4 + 1 + 8);
    const selections = takePcrSelections(reader);
    return { extraData, selections, pcrDigest: takeDigest(reader, 'the digest of the registers') };
  });
}

/** TPM2_NV_ReadPublic. */
export function parseNvReadPublic(parameters: Uint8Array): NvPublic & { readonly isPlain: boolean } {
  return read('TPM2_NV_ReadPublic', parameters, (reader) => {
    const found = parseNvPublic(takeSized(reader, MAX_BUFFER, 'the description'));
    const name = takeSized(reader, MAX_NAME, 'the name');
    if (found.isPlain && !sameBytes(name, nameOf(nvPublicArea(found)))) {
      throw malformed(reader.what, 'the name is not that of the description');
    }
    return found;
  });
}

/** TPM2_GetCapability of handles; how many there are beyond those is not said. */
export function parseHandles(parameters: Uint8Array): readonly number[] {
  return readCapability(parameters, CAPABILITY_HANDLES, (reader) => takeList(reader, () => takeNumber(reader, 4)));
}

/** TPM2_GetCapability of banks of registers. */
export function parsePcrBanks(parameters: Uint8Array): readonly PcrSelection[] {
  return readCapability(parameters, CAPABILITY_PCRS, takePcrSelections);
}

/** TPM2_GetCapability of properties, by tag. */
export function parseProperties(parameters: Uint8Array): ReadonlyMap<number, number> {
  return readCapability(
    parameters,
    CAPABILITY_PROPERTIES,
    (reader) => new Map(takeList(reader, (): [number, number] => [takeNumber(reader, 4), takeNumber(reader, 4)])),
  );
}

function readCapability<T>(parameters: Uint8Array, capability: number, take: (reader: WireReader) => T): T {
  return read('TPM2_GetCapability', parameters, (reader) => {
    if (takeNumber(reader, 1) > 1) throw malformed(reader.what, 'neither more nor not');
    takeExactly(reader, 4, capability, 'the capability');
    return take(reader);
  });
}

function takeList<T>(reader: WireReader, take: () => T): readonly T[] {
  const count = takeNumber(reader, 4);
  if (count > 256) throw malformed(reader.what, `${count} values`);
  return Array.from({ length: count }, take);
}

/** The eight bytes of an NV counter. */
export function parseCounter(parameters: Uint8Array): bigint {
  const bytes = parseBuffer('TPM2_NV_Read', parameters, 8);
  return takeU64(openReader(bytes, 'a counter'));
}

/** Manufacturer as four characters, such as `IBM`. */
export function showManufacturer(property: number): string {
  return new TextDecoder('latin1')
    .decode(concatBytes(u32(property)))
    .replace(/[^\x20-\x7e]/g, '')
    .trim();
}
