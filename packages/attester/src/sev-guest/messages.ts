/**
 * The structures of `/dev/sev-guest` by their byte offsets.
 *
 * Layouts: Linux, include/uapi/linux/sev-guest.h; what the firmware answers in them: SEV-SNP Firmware ABI
 * Specification (AMD 56860), "MSG_REPORT_RSP" and "MSG_KEY_RSP".
 *
 * @module
 */
import { UsageError, VitrineError } from '@vitrine/documents';
import { type DerivedKeyRequest, FIELD_BITS } from './sev-guest.ts';

/** `_IOWR('S', n, struct snp_guest_request_ioctl)`. */
export const Request = { report: 0xc0205300, derivedKey: 0xc0205301, extendedReport: 0xc0205302 } as const;
export type RequestName = keyof typeof Request;

const ENVELOPE_BYTES = 32;
const REPORT_REQUEST_BYTES = 96;
const EXTENDED_REQUEST_BYTES = 112;
const RESPONSE_BYTES = 4000;
const KEY_REQUEST_BYTES = 32;
const KEY_REQUEST_V2_BYTES = 40;
const KEY_RESPONSE_BYTES = 64;
const REPORT_AT = 32;
const REPORT_BYTES = 0x4a0;
const KEY_AT = 32;
const KEY_BYTES = 32;
const CERTIFICATES_AT = 96;
const INVALID_PARAMETERS = 0x16;

type Bytes = Uint8Array<ArrayBuffer>;

/** struct snp_guest_request_ioctl: version of the message, pointers to request and response, exitinfo2. */
export function envelope(version: number, request: bigint, response: bigint): Bytes {
  const bytes = fixed(ENVELOPE_BYTES);
  const view = viewOf(bytes);
  view.setUint8(0, version);
  view.setBigUint64(8, request, true);
  view.setBigUint64(16, response, true);
  return bytes;
}

/** What the kernel left in the envelope: errors of the firmware, and of the host (VMM). */
export function exitInfo(bytes: Bytes): { readonly firmware: number; readonly host: number } {
  const view = viewOf(bytes);
  return { firmware: view.getUint32(24, true), host: view.getUint32(28, true) };
}

/** struct snp_report_req. */
export function reportRequest(reportData: Uint8Array, vmpl: number): Bytes {
  const bytes = fixed(REPORT_REQUEST_BYTES);
  bytes.set(reportData);
  viewOf(bytes).setUint32(64, vmpl, true);
  return bytes;
}

/** struct snp_ext_report_req; a table of no bytes asks for its length. */
export function extendedRequest(reportData: Uint8Array, vmpl: number, address: bigint, length: number): Bytes {
  const bytes = fixed(EXTENDED_REQUEST_BYTES);
  bytes.set(reportRequest(reportData, vmpl));
  viewOf(bytes).setBigUint64(CERTIFICATES_AT, address, true);
  viewOf(bytes).setUint32(CERTIFICATES_AT + 8, length, true);
  return bytes;
}

/** The length of the table, which the kernel writes back. */
export function certificatesLength(request: Bytes): number {
  return viewOf(request).getUint32(CERTIFICATES_AT + 8, true);
}

export function reportResponse(): Bytes {
  return fixed(RESPONSE_BYTES);
}

/** @throws VitrineError `attester.hardware` where the firmware refused, or gave no report. */
export function reportOf(response: Bytes): Bytes {
  requireSuccess(viewOf(response).getUint32(0, true), 'report');
  const size = viewOf(response).getUint32(4, true);
  if (size !== REPORT_BYTES) {
    throw new VitrineError(
      'attester.hardware',
      `expected a report of ${REPORT_BYTES} bytes from the firmware, found ${size}`,
    );
  }
  return response.slice(REPORT_AT, REPORT_AT + REPORT_BYTES);
}

/** struct snp_derived_key_req, with the field of message version 2 where the mitigations are asked for. */
export function keyRequest(request: DerivedKeyRequest): { readonly version: 1 | 2; readonly bytes: Bytes } {
  const { rootKey, fields, vmpl, guestSvn, tcbVersion, launchMitigations } = request;
  if (fields.includes('launch-mitigations') !== (launchMitigations !== undefined)) {
    throw new UsageError('attester.derived-key', 'launch mitigations are to be given exactly where they are a field');
  }
  const version = launchMitigations === undefined ? 1 : 2;
  const bytes = fixed(version === 1 ? KEY_REQUEST_BYTES : KEY_REQUEST_V2_BYTES);
  const view = viewOf(bytes);
  view.setUint32(0, rootKey === 'vcek' ? 0 : 1, true);
  view.setBigUint64(8, fieldSelect(fields), true);
  view.setUint32(16, vmpl, true);
  view.setUint32(20, guestSvn, true);
  view.setBigUint64(24, tcbVersion, true);
  if (launchMitigations !== undefined) view.setBigUint64(32, launchMitigations, true);
  return { version, bytes };
}

export function fieldSelect(fields: DerivedKeyRequest['fields']): bigint {
  return fields.reduce((bits, field) => bits | (1n << FIELD_BITS[field]), 0n);
}

export function keyResponse(): Bytes {
  return fixed(KEY_RESPONSE_BYTES);
}

/** The key, once: `response` is overwritten. @throws VitrineError `attester.hardware`. */
export function keyOf(response: Bytes): Bytes {
  requireSuccess(viewOf(response).getUint32(0, true), 'derived key');
  const key = response.slice(KEY_AT, KEY_AT + KEY_BYTES);
  response.fill(0);
  if (key.some((byte) => byte !== 0)) return key;
  throw new VitrineError('attester.hardware', 'the firmware gave a derived key of zeros, which protects nothing');
}

function requireSuccess(status: number, what: string): void {
  if (status === 0) return;
  const why = status === INVALID_PARAMETERS ? 'invalid parameters' : 'no meaning that is known here';
  throw new VitrineError(
    'attester.hardware',
    `the firmware refused the ${what} with status 0x${status.toString(16)} (${why})`,
  );
}

/** Bytes that stay where they are: a short array may otherwise lie where the garbage collector moves it. */
export function fixed(length: number): Bytes {
  return new Uint8Array(new ArrayBuffer(length));
}

function viewOf(bytes: Bytes): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
}
