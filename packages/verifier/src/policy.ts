/**
 * The AppraisalPolicy: what a relying party accepts. What is used is always fully expanded: every
 * field is present, `any` is written where nothing is demanded, and an empty list is an error.
 *
 * A file is `{ type, extends?, …overrides }`. Overrides replace single fields of the preset it
 * extends; the merged policy is what is checked, digested and used.
 *
 * @module
 */
import { type Infer, object, oneOf, type Shape } from '@vitrine/documents/evidence';
import { deniedPolicyShape } from './denied.ts';
import { eventLogPolicyShape } from './eventlog/policy.ts';
import { nitroPolicyShape } from './nitro/policy.ts';
import { sgxPolicyShape } from './sgx/policy.ts';
import { snpPolicyShape } from './snp/policy.ts';
import { tdxPolicyShape } from './tdx/policy.ts';
import { tpmPolicyShape } from './tpm/policy.ts';

const shape = object({
  type: oneOf('vitrine/appraisal-policy/v1'),
  tdx: tdxPolicyShape,
  sgx: sgxPolicyShape,
  snp: snpPolicyShape,
  nitro: nitroPolicyShape,
  tpm: tpmPolicyShape,
  eventlog: eventLogPolicyShape,
  workload: object({
    /** Whether every link from firmware to manifest must have an anchor. */
    code: oneOf('required', 'any'),
    /** Whether the registers must equal reference values or a pin. */
    reference: oneOf('required', 'any'),
    /** Whether a signed deny-list must be at hand. What a list at hand denies is refused in any case. */
    denied: deniedPolicyShape,
  }),
  /** A signed statement of which source was built by whom. */
  provenance: oneOf('required', 'any'),
});

export type AppraisalPolicy = Infer<typeof shape>;
/** The expanded form. */
export const appraisalPolicyShape: Shape<AppraisalPolicy> = shape;
