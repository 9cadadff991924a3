/**
 * Parsing of SEV-SNP attestation reports, versions 2 to 5: bytes to fields, no trust.
 *
 * Format: SEV-SNP Firmware ABI Specification (AMD 56860), table "ATTESTATION_REPORT". Version 3
 * adds the processor's CPUID, version 5 the mitigation vectors; what is not used by a version must
 * be zero in it.
 *
 * @module
 */
import { concatBytes, MalformedEvidenceError, toHex } from '@vitrine/documents/evidence';
import type { Cpuid } from './product.ts';

export const FORMAT_CHECK = 'snp.format';

/** Size of every report, signature included. */
export const REPORT_BYTES = 0x4a0;
const SIGNED_BYTES = 0x2a0;
const MIN_VERSION = 2;
const MAX_VERSION = 5;
const ECDSA_P384_SHA384 = 1;

export interface FirmwareVersion {
  readonly major: number;
  readonly minor: number;
  readonly build: number;
}

/** Which key signed; `none` means that nothing did. */
type SnpSigner = 'vcek' | 'vlek' | 'none';

export interface SnpReport {
  readonly version: number;
  readonly guestSvn: number;
  /** Guest policy, which the launch digest does not cover but the firmware enforces. */
  readonly policy: bigint;
  readonly vmpl: number;
  readonly platformInfo: bigint;
  readonly signer: SnpSigner;
  /** MASK_CHIP_KEY: the firmware does not use the chip's key. */
  readonly maskChipKey: boolean;
  /** AUTHOR_KEY_EN: an author key vouched for the id key. */
  readonly authorKey: boolean;
  /** Eight bytes each, in memory order; their layout depends on the product. */
  readonly tcb: Readonly<Record<'current' | 'reported' | 'committed' | 'launch', Uint8Array<ArrayBuffer>>>;
  /** From version 3 on. */
  readonly cpuid: Cpuid | undefined;
  /** 64 bytes; zero where the host masks it. */
  readonly chipId: Uint8Array<ArrayBuffer>;
  readonly current: FirmwareVersion;
  readonly committed: FirmwareVersion;
  /** From version 5 on: one bit for each mitigation that was in effect. */
  readonly mitigations: { readonly launch: bigint; readonly current: bigint } | undefined;
  /** Fields by lower-case name, as lower-case hexadecimal in memory order. */
  readonly registers: Readonly<Record<string, string>>;
  readonly reportData: string;
  readonly signed: Uint8Array<ArrayBuffer>;
  /** 96 bytes r ‖ s, big-endian. */
  readonly signature: Uint8Array<ArrayBuffer>;
}

/** Offset and length of what is shown as a register. */
const REGISTERS = {
  guestsvn: [0x04, 4],
  policy: [0x08, 8],
  familyid: [0x10, 16],
  imageid: [0x20, 16],
  vmpl: [0x30, 4],
  platforminfo: [0x40, 8],
  measurement: [0x90, 48],
  hostdata: [0xc0, 32],
  idkeydigest: [0xe0, 48],
  authorkeydigest: [0x110, 48],
  reportid: [0x140, 32],
  reportidma: [0x160, 32],
} as const;

/** Whether `bytes` have the size and the head of a report. Cheap; says nothing about the rest. */
export function isSnpReport(bytes: Uint8Array): boolean {
  const [version = 0] = bytes;
  const head = [1, 2, 3, 0x35, 0x36, 0x37].every((offset) => bytes[offset] === 0);
  return bytes.length === REPORT_BYTES && head && version > 0 && bytes[0x34] === ECDSA_P384_SHA384;
}

/**
 * Reads one report.
 *
 * @throws MalformedEvidenceError for anything but one well-formed report of a supported version.
 */
export function parseSnpReport(bytes: Uint8Array<ArrayBuffer>): SnpReport {
  if (bytes.length !== REPORT_BYTES) {
    malformed(`an SEV-SNP report has ${REPORT_BYTES} bytes, and this input has ${bytes.length}`);
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const version = view.getUint32(0, true);
  if (version < MIN_VERSION || version > MAX_VERSION) {
    malformed(`report version ${version} is not supported: expected ${MIN_VERSION} to ${MAX_VERSION}`);
  }
  const algorithm = view.getUint32(0x34, true);
  if (algorithm !== ECDSA_P384_SHA384) {
    malformed(
      `signature algorithm ${algorithm} is not supported: expected ${ECDSA_P384_SHA384}, ECDSA P-384 with SHA-384`,
    );
  }
  for (const [start, end] of zerosOf(version)) requireZeros(bytes, start, end);
  const at = (offset: number, length: number): Uint8Array<ArrayBuffer> => bytes.subarray(offset, offset + length);
  const names = Object.keys(REGISTERS) as (keyof typeof REGISTERS)[];
  return {
    version,
    guestSvn: view.getUint32(0x04, true),
    policy: view.getBigUint64(0x08, true),
    vmpl: view.getUint32(0x30, true),
    platformInfo: view.getBigUint64(0x40, true),
    ...readSignerInfo(view.getUint32(0x48, true)),
    tcb: { current: at(0x38, 8), reported: at(0x180, 8), committed: at(0x1e0, 8), launch: at(0x1f0, 8) },
    cpuid:
      version < 3 ? undefined : { family: byte(view, 0x188), model: byte(view, 0x189), stepping: byte(view, 0x18a) },
    chipId: at(0x1a0, 64),
    current: readVersion(view, 0x1e8),
    committed: readVersion(view, 0x1ec),
    mitigations:
      version < 5 ? undefined : { launch: view.getBigUint64(0x1f8, true), current: view.getBigUint64(0x200, true) },
    registers: Object.fromEntries(names.map((name) => [name, toHex(at(REGISTERS[name][0], REGISTERS[name][1]))])),
    reportData: toHex(at(0x50, 64)),
    signed: at(0, SIGNED_BYTES),
    signature: concatBytes(reversed(at(0x2a0, 48)), reversed(at(0x2e8, 48))),
  };
}

/** Ranges that must be zero; r and s have 72 bytes each, of which P-384 uses 48. */
function zerosOf(version: number): readonly (readonly [start: number, end: number])[] {
  return [
    [0x4c, 0x50],
    [version < 3 ? 0x188 : 0x18b, 0x1a0],
    [0x1eb, 0x1ec],
    [0x1ef, 0x1f0],
    [version < 5 ? 0x1f8 : 0x208, SIGNED_BYTES],
    [0x2d0, 0x2e8],
    [0x318, REPORT_BYTES],
  ];
}

function requireZeros(bytes: Uint8Array, start: number, end: number): void {
  for (let index = start; index < end; index++) {
    if (bytes[index] !== 0) malformed(`byte 0x${index.toString(16)} must be zero in this report version`);
  }
}

function readSignerInfo(info: number): Pick<SnpReport, 'signer' | 'maskChipKey' | 'authorKey'> {
  const signer = ({ 0: 'vcek', 1: 'vlek', 7: 'none' } as const)[(info >> 2) & 7];
  if (signer === undefined || info >>> 5 !== 0)
    malformed(`signer information 0x${info.toString(16)} has reserved values`);
  return { signer, maskChipKey: (info & 2) !== 0, authorKey: (info & 1) !== 0 };
}

function readVersion(view: DataView, offset: number): FirmwareVersion {
  return { build: byte(view, offset), minor: byte(view, offset + 1), major: byte(view, offset + 2) };
}

function byte(view: DataView, offset: number): number {
  return view.getUint8(offset);
}

/** The report is little-endian, signatures elsewhere are big-endian. */
function reversed(bytes: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  return bytes.slice().reverse();
}

function malformed(message: string): never {
  throw new MalformedEvidenceError(FORMAT_CHECK, message);
}
