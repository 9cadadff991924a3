/**
 * The part of an AppraisalPolicy that is about AMD SEV-SNP.
 *
 * @module
 */
import { either, hex, type Infer, integer, list, object, oneOf, type Shape, text } from '@vitrine/documents/evidence';

const anyOr = <T>(shape: Shape<T>): Shape<'any' | T> => either(oneOf('any'), shape);
const requiredOrAny = oneOf('required', 'any');
const refusedOrAny = oneOf('refused', 'any');

/** The least security version of each part. */
const tcb = object({ bootloader: integer(0), tee: integer(0), snp: integer(0), microcode: integer(0) });
const tcbWithFmc = object({
  fmc: integer(0),
  bootloader: integer(0),
  tee: integer(0),
  snp: integer(0),
  microcode: integer(0),
});

const shape = object({
  /** Accepted families, each with a root of its own; Genoa is also Bergamo and Siena. */
  products: list(oneOf('Milan', 'Genoa', 'Turin')),
  /** The least version of the report format: 3 and later name the processor. */
  minimumReportVersion: integer(2),
  /** Keys that may sign: of the chip (VCEK) or of the cloud provider's fleet (VLEK). */
  signers: list(oneOf('vcek', 'vlek')),
  /** Guest policy DEBUG, with which the host reads the guest's memory. */
  debug: refusedOrAny,
  /** Guest policy MIGRATE_MA, and a migration agent. */
  migration: refusedOrAny,
  /** What the guest allows and demands of its host. */
  guestPolicy: object({
    smt: refusedOrAny,
    cxl: refusedOrAny,
    singleSocket: requiredOrAny,
    memAes256Xts: requiredOrAny,
    raplDisabled: requiredOrAny,
    ciphertextHiding: requiredOrAny,
    pageSwapDisabled: requiredOrAny,
    /** The least firmware interface on which the guest may be started. */
    minimumAbi: anyOr(object({ major: integer(0), minor: integer(0) })),
  }),
  /** How the host is configured. */
  platformInfo: object({
    smt: refusedOrAny,
    tsme: requiredOrAny,
    ecc: requiredOrAny,
    raplDisabled: requiredOrAny,
    tio: refusedOrAny,
  }),
  /** PLATFORM_INFO ALIAS_CHECK_COMPLETE: memory modules were checked for hidden aliases. */
  aliasCheck: requiredOrAny,
  /** PLATFORM_INFO CIPHERTEXT_HIDING_DRAM_EN. */
  ciphertextHiding: requiredOrAny,
  /** Privilege levels that may ask for a report; 0 unless a paravisor is expected. */
  vmpl: list(oneOf(0, 1, 2, 3)),
  /** Firmware that is running but not committed, which the host may still roll back. */
  provisionalFirmware: refusedOrAny,
  /** The least reported, committed and launch TCB; Bergamo is also Siena. */
  minimumTcb: object({
    Milan: anyOr(tcb),
    Genoa: anyOr(tcb),
    Bergamo: anyOr(tcb),
    Turin: anyOr(tcbWithFmc),
  }),
  /** The least firmware version, current and committed. */
  minimumFirmware: anyOr(object({ major: integer(0), minor: integer(0), build: integer(0) })),
  /** Bits of the mitigation vectors that must be set, at launch and now, as a big-endian number. */
  mitigations: anyOr(hex(8)),
  /** The least GUEST_SVN, which the owner of the guest gives in the id block. */
  minimumGuestSvn: integer(0),
  /** Accepted ID_KEY_DIGEST and AUTHOR_KEY_DIGEST. */
  idKeys: anyOr(list(hex(48))),
  authorKeys: anyOr(list(hex(48))),
  /** Accepted machines by the hardware id in the VCEK (Turin: 8 bytes); `listed` demands a list and has none. */
  platforms: either(oneOf('any', 'listed'), list(either(hex(64), hex(8)))),
  /** Accepted fleets by the provider id in the VLEK. */
  providers: either(
    oneOf('any', 'listed'),
    list(text('a provider id such as CN=cc-us-east-2.amazonaws.com', /^[ -~]{1,200}$/)),
  ),
  /** Certificate revocation list of the product. */
  revocation: requiredOrAny,
});

export type SnpPolicy = Infer<typeof shape>;
export const snpPolicyShape: Shape<SnpPolicy> = shape;
