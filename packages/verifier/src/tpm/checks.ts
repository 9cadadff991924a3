/**
 * What the checks on TPM 2.0 quotes are for, in their fixed order.
 *
 * @module
 */
import type { CheckInfo } from '../technology.ts';

const LIBRARY = 'Trusted Platform Module Library';

export const TPM_CHECKS: readonly CheckInfo[] = [
  {
    id: 'tpm.format',
    what: 'The bytes are exactly one quote in a known form: attestation, signature, and where the form has them the values of 24 registers.',
    attack: 'One signed text could be read in two ways.',
    specification: `${LIBRARY}, part 2, "TPMS_ATTEST", "TPMT_SIGNATURE"`,
  },
  {
    id: 'tpm.magic',
    what: 'The signed bytes begin with TPM_GENERATED.',
    attack: "A TPM's key could be asked to sign bytes that only look like a quote.",
    specification: `${LIBRARY}, part 1, "Attestation data"; part 2, "TPM_GENERATED"`,
  },
  {
    id: 'tpm.ak',
    what: 'There is an attestation key that somebody else than the evidence stands behind, and the evidence names no other.',
    attack: 'Anybody could make a key, sign registers of their choice and send both.',
    specification: `${LIBRARY}, part 1, "Attestation keys"`,
  },
  {
    id: 'tpm.signature',
    what: 'The quote is signed by the attestation key, with RSASSA PKCS #1 v1.5 or ECDSA on P-256 and SHA-256.',
    attack: 'Registers, nonce and clock could be changed on the way.',
    specification: `${LIBRARY}, part 3, "TPM2_Quote"; RFC 8017, section 8.2; FIPS 186-4`,
  },
  {
    id: 'tpm.pcr-digest',
    what: 'The digest of the registers that the quote covers, computed from the values in the evidence, is the one that is signed.',
    attack: 'Values that no TPM measured could be sent along with a good quote.',
    specification: `${LIBRARY}, part 2, "TPMS_QUOTE_INFO"; part 1, "Attesting to PCR"`,
  },
  {
    id: 'tpm.pcr-selection',
    what: 'The quote covers every register that the policy asks for, of the SHA-256 bank alone.',
    attack: 'A quote of few registers, or of a bank that the firmware never extended, would hide what was started.',
    specification: `${LIBRARY}, part 2, "TPML_PCR_SELECTION"`,
  },
  {
    id: 'tpm.pcrs',
    what: 'Each register that the policy pins has one of its accepted values.',
    attack: 'Other firmware, another kernel or other settings could stand in for the expected ones.',
    specification: 'TCG PC Client Platform Firmware Profile, "PCR usage"',
  },
  {
    id: 'tpm.nonce',
    what: 'The qualifying data is the nonce of the caller; in a bundle it is SHA-256 of the report data that its bindings give, whose freshness `channel.live` judges.',
    attack: 'A recorded quote from before an attack could be shown again.',
    specification: `${LIBRARY}, part 3, "TPM2_Quote", qualifyingData`,
  },
  {
    id: 'tpm.clock',
    what: 'The TPM says that its clock is safe.',
    attack: 'Times in quotes around a loss of power could be out of order.',
    specification: `${LIBRARY}, part 2, "TPMS_CLOCK_INFO", safe`,
  },
];
