/**
 * Whether evidence that the hardware gave is of the form that the verifier reads, and over the report data that
 * was asked for. It is no verification: it catches a kernel or host that answered another request, before the
 * evidence goes out as that of this one.
 *
 * Formats: Intel TDX DCAP Quoting Library API, quote versions 4 and 5; SEV-SNP Firmware ABI Specification
 * (AMD 56860), "ATTESTATION_REPORT".
 *
 * @module
 */
import { sameBytes, VitrineError } from '@vitrine/documents';

/** From here on the kernel gives a quote in the form of DICE tokens (ABI of configfs-tsm, `outblob`). */
const TDX_QUOTE_LIMIT = 8192;
const TDX_HEADER_BYTES = 48;
/** Type and size of the body, in front of it from version 5 on. */
const TDX_DESCRIPTOR_BYTES = 6;
const TDX_REPORT_DATA = 520;
export const SNP_REPORT_BYTES = 0x4a0;
const SNP_REPORT_DATA = 0x50;

/**
 * @param reportData - 64 bytes.
 * @throws VitrineError `attester.hardware`.
 */
export function checkQuoted(technology: 'tdx' | 'snp', evidence: Uint8Array, reportData: Uint8Array): void {
  const offset = technology === 'tdx' ? tdxOffset(evidence) : snpOffset(evidence);
  if (sameBytes(evidence.subarray(offset, offset + reportData.length), reportData)) return;
  throw new VitrineError(
    'attester.hardware',
    'the evidence is over other report data than was asked for: kernel or host mixed up two requests; restart the machine',
  );
}

function tdxOffset(quote: Uint8Array): number {
  if (quote.length > TDX_QUOTE_LIMIT) {
    throw new VitrineError(
      'attester.hardware',
      `the quote has ${quote.length} bytes: above ${TDX_QUOTE_LIMIT} the platform gives the form of DICE tokens (CWT), which this release does not read; have the host's quote generation service make quotes of version 4 or 5`,
    );
  }
  const version = (quote[0] ?? 0) | ((quote[1] ?? 0) << 8);
  if (version !== 4 && version !== 5) {
    throw new VitrineError(
      'attester.hardware',
      `expected a TDX quote of version 4 or 5, found version ${version} in ${quote.length} bytes`,
    );
  }
  return TDX_HEADER_BYTES + (version === 5 ? TDX_DESCRIPTOR_BYTES : 0) + TDX_REPORT_DATA;
}

function snpOffset(report: Uint8Array): number {
  if (report.length === SNP_REPORT_BYTES) return SNP_REPORT_DATA;
  throw new VitrineError(
    'attester.hardware',
    `expected an SEV-SNP report of ${SNP_REPORT_BYTES} bytes, found ${report.length}`,
  );
}
