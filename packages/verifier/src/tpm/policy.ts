/**
 * The part of an AppraisalPolicy that is about TPM 2.0 quotes.
 *
 * @module
 */
import { either, hex, type Infer, list, mapOf, object, oneOf, type Shape } from '@vitrine/documents/evidence';

const pcrIndex = oneOf(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23);

const shape = object({
  /** Registers of the SHA-256 bank that the quote must cover; it may cover more of this bank, and no other. */
  pcrSelection: either(oneOf('any'), list(pcrIndex)),
  /** Accepted values by register of the SHA-256 bank, `pcr0` to `pcr23`. */
  pcrs: either(oneOf('any'), mapOf(/^pcr(?:[0-9]|1[0-9]|2[0-3])$/, list(hex(32)), 1)),
  /** Whether the caller's own nonce must be in the quote. One that the caller gives is compared in any case. */
  nonce: oneOf('required', 'any'),
  /** A TPM that lost power without warning cannot say whether its clock went back. */
  clock: oneOf('safe', 'any'),
});

export type TpmPolicy = Infer<typeof shape>;
export const tpmPolicyShape: Shape<TpmPolicy> = shape;
