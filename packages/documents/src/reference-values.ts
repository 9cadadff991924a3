/**
 * Reference values (RFC 9334): the registers that a release must produce, by whom they were
 * computed and for which manifest. A relying party compares evidence with them.
 *
 * @module
 */
import { hex, type Infer, list, object, oneOf, optional, type Shape, text } from './shape.ts';

const tdxRegisters = object({
  mrtd: hex(48),
  rtmr0: hex(48),
  rtmr1: hex(48),
  rtmr2: hex(48),
  rtmr3: hex(48),
  /** Where these three are absent, they must be zero in the evidence. */
  mrconfigid: optional(hex(48)),
  mrowner: optional(hex(48)),
  mrownerconfig: optional(hex(48)),
});

const shape = object({
  type: oneOf('vitrine/reference-values/v1'),
  /** The image release, such as `0.1.0`. */
  release: text('a release'),
  entries: list(
    object({
      technology: oneOf('tdx'),
      /** Machine shape, since firmware measures memory and processors; `simulator` for the software TEE. */
      shape: text('a machine shape'),
      registers: tdxRegisters,
      computedBy: text('who computed them'),
      manifestDigest: hex(48),
    }),
  ),
});

export type ReferenceValues = Infer<typeof shape>;
export type ReferenceEntry = ReferenceValues['entries'][number];
export const referenceValuesShape: Shape<ReferenceValues> = shape;
