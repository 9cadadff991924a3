/**
 * SEV-SNP attestation reports as fields, and signed.
 *
 * Layout: SEV-SNP Firmware ABI Specification (AMD 56860), "ATTESTATION_REPORT", version 5.
 *
 * @module
 */
import { sign } from 'node:crypto';
import { SNP_CPUID, SNP_TCB } from './amd-pki.ts';
import type { KeyPair } from './keys.ts';

const REPORT_BYTES = 0x4a0;
const SIGNED_BYTES = 0x2a0;
const SCALAR_BYTES = 48;
/** Firmware 1.55.43, current and committed. */
const FIRMWARE: readonly number[] = [43, 55, 1];

/** What one launch of a guest fixes. */
export interface SnpLaunch {
  /** 48 bytes. */
  readonly measurement: Uint8Array;
  /** 32 bytes. */
  readonly hostData: Uint8Array;
  readonly policy: bigint;
  readonly guestSvn: number;
  /** 16 bytes each. */
  readonly imageId: Uint8Array;
  readonly familyId: Uint8Array;
  /** Of this launch, 32 bytes. */
  readonly reportId: Uint8Array;
}

export interface SnpReportRequest {
  readonly launch: SnpLaunch;
  /** 64 bytes. */
  readonly reportData: Uint8Array;
  readonly vmpl: number;
  /** 64 bytes. */
  readonly chipId: Uint8Array;
}

/** A report signed by the chip's key, P-384. `change` is made before it is signed. */
export function makeSnpReport(
  key: KeyPair,
  { launch, reportData, vmpl, chipId }: SnpReportRequest,
  change?: (bytes: Uint8Array, view: DataView) => void,
): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(REPORT_BYTES);
  const view = new DataView(bytes.buffer);
  view.setUint32(0x00, 5, true);
  view.setUint32(0x04, launch.guestSvn, true);
  view.setBigUint64(0x08, launch.policy, true);
  bytes.set(launch.familyId, 0x10);
  bytes.set(launch.imageId, 0x20);
  view.setUint32(0x30, vmpl, true);
  // ECDSA P-384 with SHA-384.
  view.setUint32(0x34, 1, true);
  // SMT, ECC and ALIAS_CHECK_COMPLETE.
  view.setBigUint64(0x40, 0x25n, true);
  bytes.set(reportData, 0x50);
  bytes.set(launch.measurement, 0x90);
  bytes.set(launch.hostData, 0xc0);
  bytes.set(launch.reportId, 0x140);
  // No migration agent.
  bytes.fill(0xff, 0x160, 0x180);
  for (const offset of [0x38, 0x180, 0x1e0, 0x1f0]) bytes.set(SNP_TCB, offset);
  bytes.set(SNP_CPUID, 0x188);
  bytes.set(chipId, 0x1a0);
  for (const offset of [0x1e8, 0x1ec]) bytes.set(FIRMWARE, offset);
  change?.(bytes, view);
  const signature = sign('sha384', bytes.subarray(0, SIGNED_BYTES), {
    key: key.privateKey,
    dsaEncoding: 'ieee-p1363',
  });
  // r and s are little-endian here, of 72 bytes each.
  bytes.set(Uint8Array.from(signature.subarray(0, SCALAR_BYTES)).reverse(), 0x2a0);
  bytes.set(Uint8Array.from(signature.subarray(SCALAR_BYTES)).reverse(), 0x2e8);
  return bytes;
}
