/**
 * The simulated quoting enclave: its identity, which Intel would sign, and the report by which the
 * PCK key vouches for the attestation key.
 *
 * Formats: Intel PCS API v4, enclave identity version 2 (`TD_QE`); SGX REPORT body, 384 bytes.
 *
 * @module
 */
import { createHash } from 'node:crypto';
import { concatBytes, toHex } from '@vitrine/documents';
import type { Platform } from './platform.ts';
import { type ModuleTcbLevel, pcsTime, TCB_EVALUATION_DATA_NUMBER } from './tcb-info.ts';

export interface QeIdentity {
  readonly id: string;
  readonly version: number;
  readonly issueDate: string;
  readonly nextUpdate: string;
  readonly tcbEvaluationDataNumber: number;
  readonly miscselect: string;
  readonly miscselectMask: string;
  readonly attributes: string;
  readonly attributesMask: string;
  readonly mrsigner: string;
  readonly isvprodid: number;
  readonly tcbLevels: readonly ModuleTcbLevel[];
}

/** The fields of an SGX report body that are not reserved. Byte strings have the length of their field; zero unless given where optional. */
export interface QeReport {
  /** 16 bytes. */
  readonly cpuSvn: Uint8Array;
  /** 4 bytes, little-endian. */
  readonly miscSelect: Uint8Array;
  /** 16 bytes. */
  readonly isvExtProdId?: Uint8Array;
  /** 16 bytes; DEBUG is bit 1 of the first. */
  readonly attributes: Uint8Array;
  /** 32 bytes. */
  readonly mrEnclave: Uint8Array;
  /** 32 bytes. */
  readonly mrSigner: Uint8Array;
  /** 64 bytes. */
  readonly configId?: Uint8Array;
  readonly isvProdId: number;
  readonly isvSvn: number;
  readonly configSvn?: number;
  /** 16 bytes. */
  readonly isvFamilyId?: Uint8Array;
  /** 64 bytes: SHA-256(attestation key ‖ authentication data), then 32 zero bytes. */
  readonly reportData: Uint8Array;
}

const MR_SIGNER = createHash('sha256').update('vitrine simulator quoting enclave signer').digest();
const MR_ENCLAVE = createHash('sha256').update('vitrine simulator quoting enclave').digest();
const ISV_PROD_ID = 2;
const ISV_SVN = 4;

/** The good identity, which {@link createQeReport} matches. */
export function createQeIdentity(issueDate: Date, nextUpdate: Date): QeIdentity {
  return {
    id: 'TD_QE',
    version: 2,
    issueDate: pcsTime(issueDate),
    nextUpdate: pcsTime(nextUpdate),
    tcbEvaluationDataNumber: TCB_EVALUATION_DATA_NUMBER,
    miscselect: '00000000',
    miscselectMask: 'FFFFFFFF',
    attributes: '11000000000000000000000000000000',
    attributesMask: 'FBFFFFFFFFFFFFFF0000000000000000',
    mrsigner: toHex(MR_SIGNER).toUpperCase(),
    isvprodid: ISV_PROD_ID,
    tcbLevels: [
      { tcb: { isvsvn: ISV_SVN }, tcbDate: '2024-11-13T00:00:00Z', tcbStatus: 'UpToDate' },
      {
        tcb: { isvsvn: ISV_SVN - 2 },
        tcbDate: '2023-08-09T00:00:00Z',
        tcbStatus: 'OutOfDate',
        advisoryIDs: ['INTEL-SA-00003'],
      },
    ],
  };
}

/** The report of a good quoting enclave on `platform`. */
export function createQeReport(platform: Platform, reportData: Uint8Array): QeReport {
  const attributes = new Uint8Array(16);
  // INIT, MODE64 and PROVISION_KEY as real quoting enclaves have; then XFRM, outside the identity's mask.
  attributes.set([0x15, 0, 0, 0, 0, 0, 0, 0, 0xe7]);
  return {
    cpuSvn: Uint8Array.from(platform.componentSvns),
    miscSelect: new Uint8Array(4),
    attributes,
    mrEnclave: MR_ENCLAVE,
    mrSigner: MR_SIGNER,
    isvProdId: ISV_PROD_ID,
    isvSvn: ISV_SVN,
    reportData,
  };
}

/** The report of a good enclave on `platform`. */
export function createEnclaveReport(platform: Platform, reportData: Uint8Array): QeReport {
  const attributes = new Uint8Array(16);
  attributes.set([0x05, 0, 0, 0, 0, 0, 0, 0, 0xe7]);
  return {
    ...createQeReport(platform, reportData),
    attributes,
    mrEnclave: createHash('sha256').update('vitrine simulated enclave').digest(),
    mrSigner: createHash('sha256').update('vitrine simulated enclave signer').digest(),
    isvProdId: 1,
    isvSvn: 2,
  };
}

/** The 384 bytes of the report body. */
export function encodeQeReport(report: QeReport): Uint8Array<ArrayBuffer> {
  const versions = new Uint8Array(6);
  const view = new DataView(versions.buffer);
  view.setUint16(0, report.isvProdId, true);
  view.setUint16(2, report.isvSvn, true);
  view.setUint16(4, report.configSvn ?? 0, true);
  return concatBytes(
    report.cpuSvn,
    report.miscSelect,
    new Uint8Array(12),
    report.isvExtProdId ?? new Uint8Array(16),
    report.attributes,
    report.mrEnclave,
    new Uint8Array(32),
    report.mrSigner,
    new Uint8Array(32),
    report.configId ?? new Uint8Array(64),
    versions,
    new Uint8Array(42),
    report.isvFamilyId ?? new Uint8Array(16),
    report.reportData,
  );
}
