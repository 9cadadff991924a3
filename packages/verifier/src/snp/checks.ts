/**
 * What the checks on SEV-SNP reports are for, in their fixed order.
 *
 * @module
 */
import type { CheckInfo } from '../technology.ts';

const ABI = 'SEV-SNP Firmware ABI Specification (AMD 56860)';
const KDS = 'VCEK Certificate and KDS Interface Specification (AMD 57230)';

export const SNP_CHECKS: readonly CheckInfo[] = [
  {
    id: 'snp.format',
    what: 'The bytes are exactly one attestation report of version 2 to 5 with ECDSA P-384, and what its version does not use is zero.',
    attack: 'One signed report could be read in two ways, or a field of a newer version be taken for zero.',
    specification: `${ABI}, table "ATTESTATION_REPORT"`,
  },
  {
    id: 'snp.product',
    what: 'CPUID, certificate and chain name one product, and the policy accepts it; Milan is not accepted by default.',
    attack:
      "A report could be signed with the extracted root seed of a broken product (on Milan in software), or claim another product's firmware versions.",
    specification: `${ABI}, table "ATTESTATION_REPORT", CPUID fields; ${KDS}, "Certificate Format"; arXiv 2605.12990`,
  },
  {
    id: 'snp.vcek-chain',
    what: "The certificate of the report's key is valid at this time and leads through AMD's authority to the pinned root of its product.",
    attack: 'Anybody could sign a report with a key of their own making.',
    specification: `${KDS}, "Certificate Chain"; RFC 5280, section 6.1`,
  },
  {
    id: 'snp.signature',
    what: 'The report is signed by the key of this certificate.',
    attack: 'Measurement and report data could be changed after the firmware wrote them.',
    specification: `${ABI}, "Attestation" and "Signature Formats"; FIPS 186-4, section 6.4`,
  },
  {
    id: 'snp.tcb-binding',
    what: 'Every part of the TCB version in the certificate equals the reported TCB version.',
    attack: 'A key taken from old, broken firmware could vouch for a report that claims new firmware.',
    specification: `${KDS}, "Certificate Format", blSPL to ucodeSPL; ${ABI}, "TCB Version"`,
  },
  {
    id: 'snp.chip-id',
    what: 'The hardware id in the VCEK equals the CHIP_ID in the report.',
    attack: 'A report could name a machine that is not the one whose key signed it.',
    specification: `${KDS}, "Certificate Format", hwID; ${ABI}, CHIP_ID`,
  },
  {
    id: 'snp.signer',
    what: 'The report is signed, not by a masked chip key, and by a kind of key that the policy accepts.',
    attack: "A cloud provider's fleet key, which many machines share, could stand in for the key of one chip.",
    specification: `${ABI}, "ATTESTATION_REPORT", SIGNING_KEY and MASK_CHIP_KEY`,
  },
  {
    id: 'snp.report-version',
    what: 'The report has at least the version that the policy asks for.',
    attack: 'Old firmware writes reports that leave out processor and mitigations.',
    specification: `${ABI}, "ATTESTATION_REPORT", VERSION`,
  },
  {
    id: 'snp.debug',
    what: 'The guest policy does not allow debugging.',
    attack:
      'The host reads and writes the memory of a debuggable guest with the firmware commands SNP_DBG_DECRYPT and SNP_DBG_ENCRYPT.',
    specification: `${ABI}, "Guest Policy", bit 19`,
  },
  {
    id: 'snp.migration',
    what: 'The guest policy allows no migration agent, and there is none.',
    attack: 'The host could move the running guest to a machine that nobody appraised.',
    specification: `${ABI}, "Guest Policy", bit 18; "ATTESTATION_REPORT", REPORT_ID_MA`,
  },
  {
    id: 'snp.policy',
    what: 'The reserved bits of the guest policy have their values, and the guest demands of its host what the policy wants.',
    attack:
      'The host could run the guest with hyperthreads, remote memory, power meters or page swaps that leak from it.',
    specification: `${ABI}, "Guest Policy"`,
  },
  {
    id: 'snp.platform-info',
    what: 'The platform information has no unknown bits, and the host is configured as the policy wants.',
    attack: 'A setting that is unknown to the verifier could weaken the guest unseen.',
    specification: `${ABI}, "PLATFORM_INFO"`,
  },
  {
    id: 'snp.alias-check',
    what: 'The firmware has checked the memory for aliases.',
    attack: 'BadRAM: a memory module with forged size gives the host a second address for the memory of guests.',
    specification: `${ABI}, "PLATFORM_INFO", bit 5; AMD-SB-3015`,
  },
  {
    id: 'snp.ciphertext-hiding',
    what: 'The host cannot read the ciphertext of guests.',
    attack: 'Repeated ciphertext shows the host when a value in memory recurs, and so leaks keys.',
    specification: `${ABI}, "PLATFORM_INFO", bit 4`,
  },
  {
    id: 'snp.vmpl',
    what: 'The report was asked for by the guest, at a privilege level that the policy names.',
    attack:
      'The host could ask for a report in the name of the guest, or less privileged software speak for the whole guest.',
    specification: `${ABI}, "ATTESTATION_REPORT", VMPL`,
  },
  {
    id: 'snp.provisional-firmware',
    what: 'All firmware that runs is committed.',
    attack: 'The host could roll the firmware back to a broken version after the report.',
    specification: `${ABI}, "SNP_COMMIT" and "TCB Version"`,
  },
  {
    id: 'snp.tcb',
    what: 'Reported, committed, current and launch TCB version are possible together and at least what the policy asks for.',
    attack:
      'Firmware or microcode with published attacks (CacheWarp, EntrySign, StackWarp, RMPocalypse) still has a genuine key.',
    specification: `${ABI}, "TCB Version"; AMD-SB-3005, 3019, 3020, 3027, 7033`,
  },
  {
    id: 'snp.firmware-version',
    what: 'Current and committed version of the firmware are at least what the policy asks for.',
    attack: 'Two firmware versions may share a TCB version, and only the newer one have a fix.',
    specification: `${ABI}, "ATTESTATION_REPORT", CURRENT_* and COMMITTED_*`,
  },
  {
    id: 'snp.mitigations',
    what: 'The mitigations that the policy asks for were in effect at launch and are now.',
    attack: 'A fix that needs a setting of the host could be installed and switched off.',
    specification: `${ABI}, "ATTESTATION_REPORT", LAUNCH_MIT_VECTOR and CURRENT_MIT_VECTOR`,
  },
  {
    id: 'snp.guest-svn',
    what: 'The security version of the guest is at least what the policy asks for.',
    attack: "The host could start an old image of the owner's, with flaws that were fixed since.",
    specification: `${ABI}, "ATTESTATION_REPORT", GUEST_SVN; "ID Block"`,
  },
  {
    id: 'snp.id-keys',
    what: 'The guest was launched with an id block of keys that the policy lists.',
    attack: "Somebody else's guest could stand in for the owner's.",
    specification: `${ABI}, "ID Block", ID_KEY_DIGEST and AUTHOR_KEY_DIGEST`,
  },
  {
    id: 'snp.platform',
    what: 'The chip or fleet, by its certificate, is one that the policy lists.',
    attack:
      'A key that was extracted from any one machine of this vendor could stand in for the machine that is expected.',
    specification: `${KDS}, "Certificate Format", hwID and cspID`,
  },
  {
    id: 'snp.revocation',
    what: "A list in force, signed by the product's root, revokes no certificate of the chain.",
    attack: 'An authority that AMD revoked could still vouch for keys.',
    specification: `${KDS}, "CRL"; RFC 5280, section 5`,
  },
];
