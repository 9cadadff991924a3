/**
 * The part of an AppraisalPolicy that is about Intel SGX.
 *
 * @module
 */
import { hex, type Infer, integer, list, object, oneOf, type Shape, tagged } from '@vitrine/documents/evidence';
import { ACCEPTABLE_STATUSES, anyOr, firmwareMembers } from '../dcap/policy.ts';

/** Either one build of an enclave, or whatever a signer signs under one product id. */
const identity = tagged('by', {
  mrenclave: object({ by: oneOf('mrenclave'), mrenclave: hex(32) }),
  mrsigner: object({
    by: oneOf('mrsigner'),
    mrsigner: hex(32),
    isvProdId: integer(0),
    /** The least security version, with which a signer leaves broken builds behind. */
    minimumIsvSvn: integer(0),
  }),
});

const shape = object({
  /** Accepted TCB statuses after merging platform and quoting enclave. */
  tcbStatus: list(oneOf(...ACCEPTABLE_STATUSES)),
  ...firmwareMembers,
  /** ATTRIBUTES.DEBUG, with which the host reads and writes the enclave. */
  debug: oneOf('refused', 'any'),
  /** ATTRIBUTES.PROVISION_KEY, with which an enclave can derive a name of the machine. */
  provisionKey: oneOf('refused', 'any'),
  /** Accepted MISCSELECT, 4 bytes in memory order: what the processor stores of exceptions inside the enclave. */
  miscselect: anyOr(list(hex(4))),
  /** Accepted combinations of the values for key separation and sharing (KSS). */
  kss: anyOr(
    list(
      object({
        configId: anyOr(hex(64)),
        minimumConfigSvn: integer(0),
        isvExtProdId: anyOr(hex(16)),
        isvFamilyId: anyOr(hex(16)),
      }),
    ),
  ),
  /** Accepted enclaves. */
  identity: anyOr(list(identity)),
});

export type SgxPolicy = Infer<typeof shape>;
export const sgxPolicyShape: Shape<SgxPolicy> = shape;
