/**
 * The part of an AppraisalPolicy that is about AWS Nitro.
 *
 * @module
 */
import {
  either,
  hex,
  type Infer,
  integer,
  list,
  mapOf,
  object,
  oneOf,
  type Shape,
  text,
} from '@vitrine/documents/evidence';

const shape = object({
  /** An enclave whose console and memory its parent instance reads; its PCR0 to PCR2 are zero. */
  debug: oneOf('refused', 'any'),
  /**
   * Accepted values by register, `pcr0` to `pcr31`. PCR3 is of the IAM role (and so of the account),
   * PCR4 of the parent instance, PCR8 of the certificate that signed the image.
   */
  pcrs: either(oneOf('any'), mapOf(/^pcr(?:[0-9]|[12][0-9]|3[01])$/, list(hex(48)), 1)),
  /** Accepted parent instances, or single enclaves by module id; `listed` demands a list and has none. */
  platforms: either(
    oneOf('any', 'listed'),
    list(text('an instance such as i-0123456789abcdef0 or a module id', /^i-[0-9a-f]{8,17}(?:-enc[0-9a-f]{1,32})?$/)),
  ),
  /** The most seconds between the document's time and the time to judge for, before or after. */
  maximumAgeSeconds: either(oneOf('any'), integer(1)),
});

export type NitroPolicy = Infer<typeof shape>;
export const nitroPolicyShape: Shape<NitroPolicy> = shape;
