/**
 * Every check that a result can have, and what it is for.
 *
 * @module
 */
import { COMMON_CHECKS } from './common-checks.ts';
import { EVENTLOG_CHECKS } from './eventlog/checks.ts';
import { NITRO_CHECKS } from './nitro/checks.ts';
import { SGX_CHECKS } from './sgx/checks.ts';
import { SNP_CHECKS } from './snp/checks.ts';
import { TDX_CHECKS } from './tdx/checks.ts';
import type { CheckInfo } from './technology.ts';
import { TPM_CHECKS } from './tpm/checks.ts';

/** Technology by technology, each in the order in which they decide; then what is common to all. */
export const CHECKS: readonly CheckInfo[] = [
  ...TDX_CHECKS,
  ...SGX_CHECKS,
  ...SNP_CHECKS,
  ...NITRO_CHECKS,
  ...TPM_CHECKS,
  ...EVENTLOG_CHECKS,
  ...COMMON_CHECKS,
];
