/**
 * What each check of SGX evidence is for, in the order in which results list them.
 *
 * @module
 */
import type { CheckInfo } from '../technology.ts';

const QUOTE = 'Intel SGX ECDSA Quote Library Reference, "Quote format"';
const PCK = 'Intel SGX PCK Certificate and CRL Profile Specification';
const PCS = 'Intel PCS API v4';
const SDM = 'Intel SDM, volume 3D';

export const SGX_CHECKS: readonly CheckInfo[] = [
  {
    id: 'sgx.format',
    what: 'The bytes are exactly one SGX quote of version 3, 4 or 5, with every length right and nothing but zero bytes behind it.',
    attack:
      'Bytes that two readers understand differently could show a verifier other claims than the ones that are signed.',
    specification: QUOTE,
  },
  {
    id: 'sgx.pck-chain',
    what: "The platform's certificate chain has the fixed shape of Intel's, is in force, and ends in an accepted root key.",
    attack: 'Anybody could make a chain with the right names and sign quotes for a machine that does not exist.',
    specification: `${PCK}, sections 2 and 3; RFC 5280, section 6.1`,
  },
  {
    id: 'sgx.qe-signature',
    what: "The quoting enclave's report is signed by the key in the platform's certificate.",
    attack: 'Software outside of any enclave could pose as the quoting enclave and vouch for a key of its own.',
    specification: `${QUOTE}, quote signature data`,
  },
  {
    id: 'sgx.qe-binding',
    what: 'The report data of the quoting enclave is the hash of the attestation key and its authentication data, then zeros.',
    attack: 'The report of a genuine quoting enclave could be put next to an attestation key that an attacker holds.',
    specification: `${QUOTE}, quote signature data`,
  },
  {
    id: 'sgx.signature',
    what: 'Header and body of the quote are signed by the attestation key.',
    attack: 'Measurements and report data could be changed after the quote was made.',
    specification: `${QUOTE}, quote signature data`,
  },
  {
    id: 'sgx.debug',
    what: 'The attribute DEBUG is not set.',
    attack: 'The host reads and changes the memory of a debug enclave while its measurement looks right.',
    specification: `${SDM}, "ATTRIBUTES"`,
  },
  {
    id: 'sgx.attributes',
    what: 'INIT and MODE64 are set, PROVISION_KEY is not unless the policy accepts it, and no other flag that is reserved.',
    attack:
      'An enclave in a mode that nobody expects could be weaker than its measurement suggests, or name the machine to others.',
    specification: `${SDM}, "ATTRIBUTES"`,
  },
  {
    id: 'sgx.miscselect',
    what: 'MISCSELECT is one that the policy lists.',
    attack:
      'The processor could store more or less about exceptions than the enclave was written for, so that its handlers misread it.',
    specification: `${SDM}, "MISCSELECT"`,
  },
  {
    id: 'sgx.kss',
    what: 'CONFIGID, CONFIGSVN, ISVEXTPRODID and ISVFAMILYID are a combination that the policy lists.',
    attack: 'The host chooses them at launch: another configuration can be another program under the same measurement.',
    specification: `${SDM}, "Key separation and sharing"`,
  },
  {
    id: 'sgx.identity',
    what: 'The enclave has an MRENCLAVE that the policy lists, or a signer, product id and least security version that it lists.',
    attack: 'The operator could run an enclave of his own on a genuine platform.',
    specification: `${SDM}, "MRENCLAVE" and "MRSIGNER"`,
  },
  {
    id: 'sgx.platform',
    what: 'The machine is one that the policy lists, by PPID or platform instance id.',
    attack: 'One machine that was broken by physical access, anywhere, could answer in the place of this one.',
    specification: `${PCK}, section 3.5 (PPID, platform instance id)`,
  },
  {
    id: 'sgx.tcb-status',
    what: 'Firmware and quoting enclave together have a status that the policy accepts, with its advisories and dates.',
    attack: 'Known holes in old microcode or enclaves give the host what the enclave should keep from it.',
    specification: `${PCS}, "Get TCB Info" and "Get Quoting Enclave Identity"`,
  },
  {
    id: 'sgx.tcb-info',
    what: 'TCB info is signed by the TCB signing certificate, in force, for this platform and recent enough.',
    attack: 'Old or forged TCB info would call outdated firmware up to date.',
    specification: `${PCS}, "Get TCB Info", version 3`,
  },
  {
    id: 'sgx.qe-identity',
    what: 'The quoting enclave is the one that its signed identity describes, of the same evaluation as TCB info.',
    attack: 'An enclave of somebody else, certified by the same platform key, could sign quotes.',
    specification: `${PCS}, "Get Quoting Enclave Identity", version 2`,
  },
  {
    id: 'sgx.revocation',
    what: 'The revocation lists are signed by the right authorities and in force, and list no certificate of this verification.',
    attack: 'A machine whose keys were extracted could go on signing after Intel has revoked it.',
    specification: `${PCK}, section 4; RFC 5280, section 5`,
  },
];
