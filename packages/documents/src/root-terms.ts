/**
 * What has to wrap an application root, as the manifest says it: each source by its kind, and where whoever starts
 * the enclave could choose another of the same kind, by what it is bound to.
 *
 * @module
 */
import { type Infer, list, object, optional, type Shape, text } from './shape.ts';

const shape = list(
  object({
    /** As the boot binding has it, such as `tpm-pcr`. */
    kind: text('a kind of source', /^[a-z][a-z0-9-]*$/),
    /** As the boot binding has it, such as the key server of dstack by the digest of its key. */
    boundTo: optional(text('what the source is bound to')),
  }),
);

export type RootTerms = Infer<typeof shape>;
export const rootTermsShape: Shape<RootTerms> = shape;
