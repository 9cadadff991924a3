/**
 * The container in which dstack writes a Nitro document to a file (`VersionedAttestation`, version
 * 0, of dstack's `dstack-attest` crate), in SCALE encoding:
 *
 * ```text
 * 00                  version 0
 * 02                  kind of quote: Nitro enclave
 * compact ‖ bytes     the attestation document
 * compact             number of run-time events, for each of them
 *   compact ‖ text      its name
 *   compact ‖ bytes     its payload
 * 64 bytes            report data
 * compact ‖ text      configuration, JSON
 * ```
 *
 * Only the document inside is signed. The container is read to its exact end, and what it repeats of
 * the document must be the same there: its report data is the user data, and `os_image_hash` of the
 * configuration is SHA-256 of PCR0 to PCR2. The events are shown as unverified; whatever else the
 * configuration says is not used.
 *
 * @module
 */
import { toHex } from '@vitrine/documents/evidence';
import { parseFields, textField } from '../dcap/fields.ts';
import { refuse } from '../refusal.ts';

export interface DstackContainer {
  readonly document: Uint8Array<ArrayBuffer>;
  /** 64 bytes. Nobody signed them. */
  readonly reportData: Uint8Array<ArrayBuffer>;
  /** Run-time events, `name=payload in hexadecimal` by `dstack.event.<index>`. Nobody signed them. */
  readonly events: Readonly<Record<string, string>>;
  /** `os_image_hash`, 32 bytes in lower-case hexadecimal; `undefined` where there is no configuration. */
  readonly imageHash: string | undefined;
}

interface Reader {
  readonly bytes: Uint8Array<ArrayBuffer>;
  offset: number;
}

const WHAT = 'dstack attestation';
const VERSION_0 = 0;
const NITRO_ENCLAVE = 2;
const REPORT_DATA_BYTES = 64;

const MAX_CONTAINER_BYTES = 1024 * 1024;
const MAX_EVENTS = 1000;

/** Whether `bytes` begin like such a container. Says nothing about the rest. */
export function isDstackContainer(bytes: Uint8Array): boolean {
  return bytes[0] === VERSION_0 && bytes[1] === NITRO_ENCLAVE;
}

/** The first bytes of what the container encloses; empty where there is nothing. */
export function peekDstackDocument(bytes: Uint8Array): Uint8Array {
  // Real documents have 4 to 12 kB, so their length is written in two or four bytes.
  return bytes.subarray((bytes[2] ?? 0) % 4 === 1 ? 4 : 6);
}

/**
 * Reads exactly one container.
 *
 * @throws RefusalError
 */
export function readDstackContainer(bytes: Uint8Array<ArrayBuffer>): DstackContainer {
  if (bytes.length > MAX_CONTAINER_BYTES) refuse(`${WHAT}: longer than ${MAX_CONTAINER_BYTES} bytes`);
  if (!isDstackContainer(bytes)) refuse(`${WHAT}: neither version 0 nor with a Nitro document`);
  const reader: Reader = { bytes, offset: 2 };
  const document = takeSized(reader);
  const events = takeCompact(reader);
  if (events > MAX_EVENTS) refuse(`${WHAT}: more than ${MAX_EVENTS} run-time events`);
  const listed: [string, string][] = [];
  for (let index = 0; index < events; index++) {
    const name = decodeText(takeSized(reader));
    listed.push([`dstack.event.${index}`, `${name}=${toHex(takeSized(reader))}`]);
  }
  const reportData = takeBytes(reader, REPORT_DATA_BYTES);
  const config = takeSized(reader);
  if (reader.offset !== bytes.length) refuse(`${WHAT}: bytes after its end`);
  return {
    document,
    reportData,
    events: Object.fromEntries(listed),
    imageHash: config.length === 0 ? undefined : readImageHash(config),
  };
}

/** The configuration says which image runs, or is not there. */
function readImageHash(config: Uint8Array<ArrayBuffer>): string {
  const fields = parseFields(decodeText(config), `${WHAT}: configuration`);
  return textField(fields, 'os_image_hash', /^[0-9a-f]{64}$/, '32 bytes in lower-case hexadecimal');
}

function decodeText(bytes: Uint8Array<ArrayBuffer>): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return refuse(`${WHAT}: configuration is not UTF-8`);
  }
}

function takeSized(reader: Reader): Uint8Array<ArrayBuffer> {
  return takeBytes(reader, takeCompact(reader));
}

/** A compact number in its shortest form; the mode for numbers above 2^30 - 1 is longer than any container. */
function takeCompact(reader: Reader): number {
  const mode = (reader.bytes[reader.offset] ?? 0) & 3;
  if (mode === 3) refuse(`${WHAT}: a length larger than any such file`);
  const size = 1 << mode;
  const value = takeBytes(reader, size).reduceRight((sum, byte) => sum * 256 + byte, 0) >>> 2;
  if (size > 1 && value < 2 ** (size === 2 ? 6 : 14)) refuse(`${WHAT}: a length not in its shortest form`);
  return value;
}

function takeBytes(reader: Reader, length: number): Uint8Array<ArrayBuffer> {
  if (length > reader.bytes.length - reader.offset) refuse(`${WHAT}: ends early`);
  reader.offset += length;
  return reader.bytes.subarray(reader.offset - length, reader.offset);
}
