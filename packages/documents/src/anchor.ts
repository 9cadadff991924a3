/**
 * Who remembers how far the sealed state of an application has got, as the manifest names it, so that an older
 * copy of the state, or a second live one, is noticed.
 *
 * `tpm`: a counter in the TPM of the machine, which whoever runs a software TPM can put back. `service`: a
 * compare-and-set at that address; its answers are signed with `key`, and its operator can put it back.
 *
 * @module
 */
import { hex, type Infer, object, oneOf, type Shape, tagged, text } from './shape.ts';

const shape = tagged('kind', {
  tpm: object({ kind: oneOf('tpm') }),
  service: object({
    kind: oneOf('service'),
    url: text('an https URL, or http on loopback', /^https?:\/\/[^?#]+$/),
    /** Ed25519 public key of the service. */
    key: hex(32),
  }),
});

export type AnchorTerms = Infer<typeof shape>;
export const anchorShape: Shape<AnchorTerms> = shape;
