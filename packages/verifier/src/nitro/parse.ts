/**
 * Parsing of AWS Nitro attestation documents: bytes to fields, no trust.
 *
 * The definition followed is that of the AWS Nitro Enclaves User Guide, "Verifying the root of
 * trust" and its "Attestation document specification": a COSE_Sign1 whose payload is a CBOR map
 * with exactly the keys below and bounds on each. Real payloads are written in two ways, as a map
 * of declared size and (since 2023 or so) as one of indefinite length; both are read, and nothing
 * else inside may be of indefinite length.
 *
 * Documents of NitroTPM, whose registers stand under another key, are refused: they are of an EC2
 * instance and not of an enclave.
 *
 * @module
 */
import { MalformedEvidenceError, sameBytes, toHex } from '@vitrine/documents/evidence';
import {
  cborBytes,
  cborEntries,
  cborField,
  cborItems,
  cborText,
  cborUnsigned,
  refuseUnknownKeys,
} from '../cbor/fields.ts';
import { type CborLimits, type CborMap, readCbor } from '../cbor/read.ts';
import { RefusalError, refuse } from '../refusal.ts';
import { type CoseSign1, isCoseSign1, readCoseSign1 } from './cose.ts';
import { isDstackContainer, peekDstackDocument, readDstackContainer } from './dstack-container.ts';

export interface NitroDocument {
  readonly cose: CoseSign1;
  /** Instance and enclave: `i-0123456789abcdef0-enc0123456789abcdef`. */
  readonly moduleId: string;
  readonly timestamp: Date;
  /** 48 bytes each, lower-case hexadecimal, by index 0 … 31. 0 to 2 are always there. */
  readonly pcrs: ReadonlyMap<number, string>;
  /** DER: the signer's certificate, then its issuers up to the root. Not yet read. */
  readonly certificates: readonly Uint8Array<ArrayBuffer>[];
  readonly publicKey: Uint8Array<ArrayBuffer> | undefined;
  readonly userData: Uint8Array<ArrayBuffer> | undefined;
  readonly nonce: Uint8Array<ArrayBuffer> | undefined;
  /** What a container says is SHA-256 of PCR0 to PCR2; nobody signed it, and it is still to be compared. */
  readonly imageHash?: string;
  /** What a container lists beside the document; nobody signed it. */
  readonly unsigned: Readonly<Record<string, string>>;
}

export const FORMAT_CHECK = 'nitro.format';

const WHAT = 'Nitro document';
const KEYS = [
  'module_id',
  'digest',
  'timestamp',
  'pcrs',
  'certificate',
  'cabundle',
  'public_key',
  'user_data',
  'nonce',
] as const;

const MAX_PCR_INDEX = 31;
const PCR_BYTES = 48;
/** The image, its kernel and its application; without them nothing says what runs, or whether it can be debugged. */
const REQUIRED_PCRS = [0, 1, 2];
const MAX_CERTIFICATE_BYTES = 1024;
/** Real bundles have 4; the path lengths of AWS allow no more. */
const MAX_BUNDLE = 8;
const MAX_USER_BYTES = 512;
const MAX_PUBLIC_KEY_BYTES = 1024;
/** The end of the year 9999. */
const MAX_TIMESTAMP = 253_402_300_799_999;

const LIMITS: CborLimits = { maxBytes: 16 * 1024, maxDepth: 2, maxItems: 200, tags: [], indefiniteMap: 'outermost' };

/** Whether `bytes` begin like a Nitro document, bare or in dstack's container. Says nothing about the rest. */
export function isNitroDocument(bytes: Uint8Array): boolean {
  return isCoseSign1(isDstackContainer(bytes) ? peekDstackDocument(bytes) : bytes);
}

/**
 * Reads a document, bare or in dstack's container.
 *
 * @throws MalformedEvidenceError for anything but exactly one well-formed document.
 */
export function parseNitroDocument(bytes: Uint8Array<ArrayBuffer>): NitroDocument {
  try {
    return isDstackContainer(bytes) ? readContained(bytes) : readDocument(bytes);
  } catch (cause) {
    if (!(cause instanceof RefusalError)) throw cause;
    throw new MalformedEvidenceError(FORMAT_CHECK, describe(cause), { cause });
  }
}

/** What a container says besides the document must not differ from what is signed. */
function readContained(bytes: Uint8Array<ArrayBuffer>): NitroDocument {
  const container = readDstackContainer(bytes);
  const document = readDocument(container.document);
  const { userData } = document;
  if (userData === undefined || !sameBytes(userData, container.reportData)) {
    refuse("the container's report data is not the user data of the document inside", {
      expected: userData === undefined ? 'none' : toHex(userData),
      actual: toHex(container.reportData),
    });
  }
  const contained = { ...document, unsigned: container.events };
  return container.imageHash === undefined ? contained : { ...contained, imageHash: container.imageHash };
}

function readDocument(bytes: Uint8Array<ArrayBuffer>): NitroDocument {
  const cose = readCoseSign1(bytes, WHAT);
  const payload = cborEntries(readCbor(cose.payload, LIMITS, `${WHAT} payload`), `${WHAT} payload`);
  refuseUnknownKeys(payload, KEYS, `${WHAT} payload`);
  cborText(field(payload, 'digest'), /^SHA384$/, '"SHA384"', `${WHAT} digest`);
  return {
    cose,
    moduleId: cborText(
      field(payload, 'module_id'),
      /^[\x21-\x7e]{1,200}$/,
      'up to 200 printable characters',
      `${WHAT} module_id`,
    ),
    timestamp: readTimestamp(payload),
    pcrs: readPcrs(payload),
    certificates: readCertificates(payload),
    publicKey: readOptional(payload, 'public_key', 1, MAX_PUBLIC_KEY_BYTES),
    userData: readOptional(payload, 'user_data', 0, MAX_USER_BYTES),
    nonce: readOptional(payload, 'nonce', 0, MAX_USER_BYTES),
    unsigned: {},
  };
}

function field(payload: CborMap, key: (typeof KEYS)[number]): ReturnType<typeof cborField> {
  return cborField(payload, key, `${WHAT} payload`);
}

function readTimestamp(payload: CborMap): Date {
  const time = cborUnsigned(field(payload, 'timestamp'), MAX_TIMESTAMP, `${WHAT} timestamp`);
  return time > 0 ? new Date(time) : refuse(`${WHAT} timestamp: no time`);
}

function readPcrs(payload: CborMap): ReadonlyMap<number, string> {
  const pcrs = new Map<number, string>();
  for (const [index, value] of cborEntries(field(payload, 'pcrs'), `${WHAT} pcrs`)) {
    if (typeof index !== 'number' || index < 0 || index > MAX_PCR_INDEX) {
      refuse(`${WHAT} pcrs: no such register`, {
        expected: `0 to ${MAX_PCR_INDEX}`,
        actual: JSON.stringify(index).slice(0, 100),
      });
      continue;
    }
    pcrs.set(index, toHex(cborBytes(value, PCR_BYTES, PCR_BYTES, `${WHAT} PCR${index}`)));
  }
  for (const index of REQUIRED_PCRS) {
    if (!pcrs.has(index)) refuse(`${WHAT} pcrs: PCR${index} is missing`);
  }
  return pcrs;
}

/** The bundle begins with the root, and the chain with the signer. */
function readCertificates(payload: CborMap): readonly Uint8Array<ArrayBuffer>[] {
  const bundle = cborItems(field(payload, 'cabundle'), 1, MAX_BUNDLE, `${WHAT} cabundle`);
  return [field(payload, 'certificate'), ...bundle.toReversed()].map((value, index) =>
    cborBytes(value, 1, MAX_CERTIFICATE_BYTES, `${WHAT} certificate ${index + 1}`),
  );
}

/** Absent and `null` mean the same. */
function readOptional(
  payload: CborMap,
  key: 'public_key' | 'user_data' | 'nonce',
  minimum: number,
  maximum: number,
): Uint8Array<ArrayBuffer> | undefined {
  const value = payload.get(key);
  if (value === undefined || value.kind === 'null') return undefined;
  return cborBytes(value, minimum, maximum, `${WHAT} ${key}`);
}

function describe({ message, difference: { expected, actual } }: RefusalError): string {
  const details = [
    ...(expected === undefined ? [] : [`expected ${expected}`]),
    ...(actual === undefined ? [] : [`found ${actual}`]),
  ];
  return details.length === 0 ? message : `${message}: ${details.join(', ')}`;
}
