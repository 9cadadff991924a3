/**
 * What the checks on AWS Nitro documents are for, in their fixed order.
 *
 * @module
 */
import type { CheckInfo } from '../technology.ts';

const GUIDE = 'AWS Nitro Enclaves User Guide';

export const NITRO_CHECKS: readonly CheckInfo[] = [
  {
    id: 'nitro.format',
    what: 'The bytes are exactly one COSE_Sign1 with ES384, an empty unprotected header and a payload of the defined keys and sizes, in the shortest CBOR, with no key twice.',
    attack:
      'One signed text could be read in two ways, or a document could choose the algorithm with which it is checked.',
    specification: `${GUIDE}, "Attestation document specification"; RFC 9052, section 4.2; RFC 8949, section 4.2.1`,
  },
  {
    id: 'nitro.chain',
    what: "The certificates, in their fixed order, are valid at the document's time, have their roles and path lengths, are P-384 throughout and end in the pinned root.",
    attack: 'Anybody could sign a document with a certificate of their own making.',
    specification: `${GUIDE}, "Verifying the root of trust"; RFC 5280, section 6.1`,
  },
  {
    id: 'nitro.signature',
    what: "The document is signed by the key of the enclave's certificate.",
    attack: 'Measurements and user data could be changed after the hypervisor wrote them.',
    specification: 'RFC 9052, section 4.4; RFC 9053, section 2.1',
  },
  {
    id: 'nitro.debug',
    what: 'PCR0 to PCR2 are not all zero.',
    attack: 'The parent instance reads the console of an enclave in debug mode, whose code is not measured.',
    specification: `${GUIDE}, "Enclave measurements" and "nitro-cli run-enclave", option --debug-mode`,
  },
  {
    id: 'nitro.pcrs',
    what: 'Each register that the policy pins has one of its accepted values.',
    attack: 'Another image, role, instance or signer of images could stand in for the expected one.',
    specification: `${GUIDE}, "Enclave measurements"`,
  },
  {
    id: 'nitro.platform',
    what: 'The parent instance is one that the policy lists.',
    attack: "The same image in somebody else's account could answer in place of this one.",
    specification: `${GUIDE}, "Attestation document specification", module_id`,
  },
  {
    id: 'nitro.freshness',
    what: "The document's time is within the policy's limit of the time to judge for.",
    attack: 'A recorded document of an enclave that has long ended, or of a leaked key, could be shown again.',
    specification: `${GUIDE}, "Attestation document specification", timestamp`,
  },
];
