/**
 * The false PKI of an emulated SEV-SNP machine: root (ARK), authority (ASK) and the certificate of one chip
 * (VCEK), in AMD's form, under a root whose name says that it is no TEE.
 *
 * Form: VCEK Certificate and KDS Interface Specification (AMD 57230), compared with the certificates of real
 * machines.
 *
 * @module
 */
import { generateKeyPair as generate, randomBytes } from 'node:crypto';
import { promisify } from 'node:util';
import {
  authorityKeyIdentifier,
  basicConstraints,
  type Der,
  type DistinguishedName,
  derInteger,
  keyUsage,
  subjectKeyIdentifier,
} from '@vitrine/attester';
import { amdExtension, issueAmdCertificate, keyName } from './amd-certificate.ts';
import { generateKeyPair, type KeyPair, keyPairOf } from './keys.ts';

/** Common names. Verifiers know simulated evidence by the first, and demand AMD's below it. */
export const AMD_NAMES = {
  ark: 'Vitrine Simulator ARK-Genoa (not a TEE)',
  ask: 'SEV-Genoa',
  vcek: 'SEV-VCEK',
} as const;
const ORGANIZATION = 'Vitrine Simulator';
export const SNP_PRODUCT = 'Genoa';

/** TCB version of the chip: bootloader, TEE, four reserved, SNP, microcode. */
export const SNP_TCB: readonly number[] = [10, 0, 0, 0, 0, 0, 25, 84];
/** Last arcs of the certificate's extensions for each of these bytes. */
const TCB_ARCS: readonly number[] = [1, 2, 4, 5, 6, 7, 3, 8];
/** Family 19h, model 11h, stepping 1. */
export const SNP_CPUID: readonly number[] = [0x19, 0x11, 1];

const DAY_MS = 86_400_000;
const AUTHORITY_YEARS = 20;
const CHIP_YEARS = 7;

export interface AmdMember {
  readonly der: Uint8Array<ArrayBuffer>;
  readonly key: KeyPair;
}

export interface AmdPki {
  readonly ark: AmdMember;
  readonly ask: AmdMember;
  readonly vcek: AmdMember;
  /** 64 bytes. */
  readonly chipId: Uint8Array<ArrayBuffer>;
  /** What derived keys of this chip come from, 32 bytes. */
  readonly chipSecret: Uint8Array<ArrayBuffer>;
}

/** RSA-4096 keys, which take seconds to make. */
export interface AmdAuthorities {
  readonly ark: KeyPair;
  readonly ask: KeyPair;
}

export async function generateAmdAuthorities(): Promise<AmdAuthorities> {
  const rsa = async (): Promise<KeyPair> =>
    keyPairOf((await promisify(generate)('rsa', { modulusLength: 4096 })).privateKey);
  const [ark, ask] = await Promise.all([rsa(), rsa()]);
  return { ark, ask };
}

/** A complete PKI around a new chip, valid from the day before `now`. */
export function createAmdPki(now: Date, authorities: AmdAuthorities): AmdPki {
  const chipId = Uint8Array.from(randomBytes(64));
  const notBefore = new Date(now.getTime() - DAY_MS);
  const until = (years: number): Date => new Date(now.getTime() + years * 365 * DAY_MS);
  const vcekKey = generateKeyPair('P-384');
  const member = (der: Der, key: KeyPair): AmdMember => ({ der: Uint8Array.from(der), key });
  const ark = issueAmdCertificate({
    subject: amdName(AMD_NAMES.ark),
    issuer: amdName(AMD_NAMES.ark),
    serial: 0x20000,
    notBefore,
    notAfter: until(AUTHORITY_YEARS),
    key: authorities.ark,
    signer: authorities.ark,
    extensions: [
      keyUsage('keyCertSign', 'cRLSign'),
      subjectKeyIdentifier(keyName(authorities.ark)),
      basicConstraints({ pathLength: 1 }),
    ],
  });
  const ask = issueAmdCertificate({
    subject: amdName(AMD_NAMES.ask),
    issuer: amdName(AMD_NAMES.ark),
    serial: 0x20002,
    notBefore,
    notAfter: until(AUTHORITY_YEARS),
    key: authorities.ask,
    signer: authorities.ark,
    extensions: [
      subjectKeyIdentifier(keyName(authorities.ask)),
      authorityKeyIdentifier(keyName(authorities.ark)),
      basicConstraints({ pathLength: 0 }),
      keyUsage('keyCertSign'),
    ],
  });
  const vcek = issueAmdCertificate({
    subject: amdName(AMD_NAMES.vcek),
    issuer: amdName(AMD_NAMES.ask),
    serial: 0,
    notBefore,
    notAfter: until(CHIP_YEARS),
    key: vcekKey,
    signer: authorities.ask,
    extensions: [
      amdExtension('1', derInteger(0)),
      amdExtension('2', SNP_PRODUCT),
      ...TCB_ARCS.map((arc, index) => amdExtension(`3.${arc}`, derInteger(SNP_TCB[index] ?? 0))),
      amdExtension('4', chipId),
    ],
  });
  return {
    ark: member(ark, authorities.ark),
    ask: member(ask, authorities.ask),
    vcek: member(vcek, vcekKey),
    chipId,
    chipSecret: Uint8Array.from(randomBytes(32)),
  };
}

/** In AMD's order of attributes, with an organisation of the simulator's own. */
export function amdName(commonName: string): DistinguishedName {
  return [
    ['C', 'US'],
    ['O', ORGANIZATION],
    ['CN', commonName],
  ];
}
