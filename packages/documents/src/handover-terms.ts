/**
 * To which other enclaves an application root may be handed while both run, as the manifest says it, so that
 * users see it before they trust.
 *
 * @module
 */
import { either, type Infer, integer, list, object, oneOf, optional, type Shape, text } from './shape.ts';

const shape = object({
  /** `equal`: the same manifest. `release`: the manifest that a signed release of `upgrade` leads to. */
  to: list(oneOf('equal', 'release')),
  /** Names of machines (PPID, CHIP_ID) that may receive it, lower-case hexadecimal; `any` has to be written. */
  platforms: either(oneOf('any'), list(text('a machine in lower-case hexadecimal', /^[0-9a-f]{8,128}$/))),
  /** The least security version of the platform, over and above what the preset `default` demands. */
  tcb: optional(
    object({
      /** `tcbEvaluationDataNumber` of Intel's TCB info. */
      tdxEvaluation: optional(integer(1)),
      /** SPL of each part of AMD's firmware. */
      snp: optional(object({ bootloader: integer(0), tee: integer(0), snp: integer(0), microcode: integer(0) })),
    }),
  ),
});

export type HandoverTerms = Infer<typeof shape>;
export const handoverTermsShape: Shape<HandoverTerms> = shape;
