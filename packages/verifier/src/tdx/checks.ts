/**
 * What each check of TDX evidence is for, in the order in which results list them.
 *
 * @module
 */
import type { CheckInfo } from '../technology.ts';

const QUOTE = 'Intel TDX DCAP Quoting Library API, appendix A (quote format)';
const PCK = 'Intel SGX PCK Certificate and CRL Profile Specification';
const PCS = 'Intel PCS API v4';
const TDX_MODULE = 'Intel TDX Module Base Architecture Specification';

export const TDX_CHECKS: readonly CheckInfo[] = [
  {
    id: 'tdx.format',
    what: 'The bytes are exactly one TDX quote of version 4 or 5, with every length right and nothing but zero bytes behind it.',
    attack:
      'Bytes that two readers understand differently could show a verifier other claims than the ones that are signed.',
    specification: QUOTE,
  },
  {
    id: 'tdx.pck-chain',
    what: "The platform's certificate chain has the fixed shape of Intel's, is in force, and ends in an accepted root key.",
    attack: 'Anybody could make a chain with the right names and sign quotes for a machine that does not exist.',
    specification: `${PCK}, sections 2 and 3; RFC 5280, section 6.1`,
  },
  {
    id: 'tdx.qe-signature',
    what: "The quoting enclave's report is signed by the key in the platform's certificate.",
    attack: 'Software outside of any enclave could pose as the quoting enclave and vouch for a key of its own.',
    specification: `${QUOTE}, QE report certification data`,
  },
  {
    id: 'tdx.qe-binding',
    what: 'The report data of the quoting enclave is the hash of the attestation key and its authentication data, then zeros.',
    attack: 'The report of a genuine quoting enclave could be put next to an attestation key that an attacker holds.',
    specification: `${QUOTE}, QE report certification data`,
  },
  {
    id: 'tdx.signature',
    what: 'Header and body of the quote are signed by the attestation key.',
    attack: 'Registers and report data could be changed after the quote was made.',
    specification: `${QUOTE}, ECDSA quote signature data`,
  },
  {
    id: 'tdx.debug',
    what: 'The TD attribute DEBUG is not set.',
    attack: 'The host reads and changes the memory of a debug TD while its measurements look right.',
    specification: `${TDX_MODULE}, "TD attributes"`,
  },
  {
    id: 'tdx.sept-ve-disable',
    what: 'The TD attribute SEPT_VE_DISABLE is set.',
    attack:
      'The host removes pages and so injects faults at memory accesses of its choice, which guests have handled wrongly.',
    specification: `${TDX_MODULE}, "TD attributes"`,
  },
  {
    id: 'tdx.service-td',
    what: 'No service TD is bound to the TD, or one that the policy names.',
    attack: 'A migration TD of the operator could move the TD, with its memory, to a machine that nobody appraised.',
    specification: `${TDX_MODULE}, "Service TDs"; ${QUOTE}, MRSERVICETD of TD 1.5`,
  },
  {
    id: 'tdx.attributes',
    what: 'No TD attribute is set that is reserved or that the policy does not accept.',
    attack: 'An attribute that this release does not know could weaken the TD without anybody noticing.',
    specification: `${TDX_MODULE}, "TD attributes"`,
  },
  {
    id: 'tdx.xfam',
    what: 'The enabled processor features are within those that TDX allows.',
    attack: 'A feature outside of them could carry state across the border of the TD.',
    specification: `${TDX_MODULE}, "XFAM"`,
  },
  {
    id: 'tdx.mrseam',
    what: 'The TDX module has a measurement that the policy lists.',
    attack: 'A genuine module that turned out to be broken could be run where only certain builds are trusted.',
    specification: `${TDX_MODULE}, "Measurement"`,
  },
  {
    id: 'tdx.registers',
    what: 'MRTD and the run-time registers are a combination that the policy pins.',
    attack: 'The operator could launch other firmware, kernel or software under an otherwise good platform.',
    specification: `${TDX_MODULE}, "TD measurement"`,
  },
  {
    id: 'tdx.platform',
    what: 'The machine is one that the policy lists, by PPID or platform instance id.',
    attack: 'One machine that was broken by physical access, anywhere, could answer in the place of this one.',
    specification: `${PCK}, section 3.5 (PPID, platform instance id)`,
  },
  {
    id: 'tdx.tcb-status',
    what: 'Firmware, TDX module and quoting enclave together have a status that the policy accepts, with its advisories and dates.',
    attack: 'Known holes in old microcode, modules or enclaves give the host what the TD should keep from it.',
    specification: `${PCS}, "Get TCB Info" and "Get Quoting Enclave Identity"`,
  },
  {
    id: 'tdx.tcb-info',
    what: 'TCB info is signed by the TCB signing certificate, in force, for this platform and recent enough.',
    attack: 'Old or forged TCB info would call outdated firmware up to date.',
    specification: `${PCS}, "Get TCB Info", version 3`,
  },
  {
    id: 'tdx.qe-identity',
    what: 'The quoting enclave is the one that its signed identity describes, of the same evaluation as TCB info.',
    attack: 'An enclave of somebody else, certified by the same platform key, could sign quotes.',
    specification: `${PCS}, "Get Quoting Enclave Identity", version 2`,
  },
  {
    id: 'tdx.module',
    what: 'Signer, attributes and version of the TDX module are those that TCB info states.',
    attack: 'A module that Intel never signed, or one below every known version, could make up any TD report.',
    specification: `${PCS}, "Get TCB Info", tdxModuleIdentities`,
  },
  {
    id: 'tdx.revocation',
    what: 'The revocation lists are signed by the right authorities and in force, and list no certificate of this verification.',
    attack: 'A machine whose keys were extracted could go on signing after Intel has revoked it.',
    specification: `${PCK}, section 4; RFC 5280, section 5`,
  },
];
