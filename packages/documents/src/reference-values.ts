/**
 * Reference values (RFC 9334): the registers that a release must produce, by whom they were
 * computed and for which manifest. A relying party compares evidence with them.
 *
 * @module
 */
import { hex, type Infer, list, object, oneOf, optional, type Shape, tagged, text } from './shape.ts';

const tdxRegisters = object({
  mrtd: hex(48),
  rtmr0: hex(48),
  rtmr1: hex(48),
  rtmr2: hex(48),
  /** May be absent only where `launch` is an app-compose, whose event log explains it: it differs for each instance. */
  rtmr3: optional(hex(48)),
  /** Where it is absent, it must be zero in the evidence, or what manifest or launch document demand. */
  mrconfigid: optional(hex(48)),
  /** Where these two are absent, they must be zero in the evidence. */
  mrowner: optional(hex(48)),
  mrownerconfig: optional(hex(48)),
});

const sgxRegisters = object({
  mrenclave: hex(32),
  /** Where it is absent, it must be zero in the evidence. */
  configid: optional(hex(64)),
});

const snpRegisters = object({
  measurement: hex(48),
  /** Where it is absent, it must be zero in the evidence, or what manifest or launch document demand. */
  hostdata: optional(hex(32)),
});

/** PCR 0 to 2 are measured at launch; what is absent of the others is not compared. */
const nitroRegisters = object({
  pcr0: hex(48),
  pcr1: hex(48),
  pcr2: hex(48),
  pcr3: optional(hex(48)),
  pcr4: optional(hex(48)),
  pcr8: optional(hex(48)),
});

const pcr = optional(hex(32));

/** SHA-256 bank. Firmware and boot loader are required, since whoever controls them can extend the rest at will. */
const tpmRegisters = object({
  pcr0: hex(32),
  pcr2: hex(32),
  pcr4: hex(32),
  pcr1: pcr,
  pcr3: pcr,
  pcr5: pcr,
  pcr7: pcr,
  pcr8: pcr,
  pcr9: pcr,
  pcr11: pcr,
  pcr12: pcr,
  /** What a boot stub adds to the image from outside of it, such as system extensions. */
  pcr13: pcr,
  pcr14: pcr,
});

const common = {
  /** Machine shape, since firmware measures memory and processors; `simulator` for the software TEE. */
  shape: text('a machine shape'),
  computedBy: text('who computed them'),
  manifestDigest: hex(48),
} as const;

/** SHA-256 of the document that the platform launches the workload by, where there is one. */
const launch = optional(hex(32));

const entry = tagged('technology', {
  tdx: object({ technology: oneOf('tdx'), registers: tdxRegisters, launch, ...common }),
  sgx: object({ technology: oneOf('sgx'), registers: sgxRegisters, ...common }),
  snp: object({
    technology: oneOf('snp'),
    registers: snpRegisters,
    launch,
    /** What the launch digest covers. Absent: firmware alone, as on EC2 and GCE. `image`: kernel, command line and root file system too. */
    covers: optional(oneOf('image')),
    ...common,
  }),
  nitro: object({ technology: oneOf('nitro'), registers: nitroRegisters, ...common }),
  tpm: object({ technology: oneOf('tpm'), registers: tpmRegisters, ...common }),
});

const shape = object({
  type: oneOf('vitrine/reference-values/v1'),
  /** The image release, such as `0.1.0`. */
  release: text('a release'),
  entries: list(entry),
});

export type TdxRegisters = Infer<typeof tdxRegisters>;
export const tdxRegistersShape: Shape<TdxRegisters> = tdxRegisters;
export type ReferenceValues = Infer<typeof shape>;
export type ReferenceEntry = ReferenceValues['entries'][number];
export const referenceValuesShape: Shape<ReferenceValues> = shape;
