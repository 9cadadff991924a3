/**
 * AMD SEV-SNP reports.
 *
 * @module
 */
import { parseSnpReport } from '../../../packages/verifier/src/snp/parse.ts';
import type { Target } from '../target.ts';

const REPORT_BYTES = 0x4a0;
const POLICY_OFFSET = 0x08;
const ALGORITHM_OFFSET = 0x34;
/** Bit 17 is always one; ABI 1.51. */
const POLICY = 0x30133n;

export const target: Target = {
  run: (bytes) => parseSnpReport(bytes),
  seeds: async () => Object.fromEntries([2, 3, 4, 5].map((version) => [`version-${version}`, report(version)])),
  maxLength: 2048,
};

/** A report of zeros but for what says what it is. */
function report(version: number): Uint8Array {
  const bytes = new Uint8Array(REPORT_BYTES);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, version, true);
  view.setBigUint64(POLICY_OFFSET, POLICY, true);
  view.setUint32(ALGORITHM_OFFSET, 1, true);
  return bytes;
}
