/**
 * The false PKI: root, PCK platform CA, PCK certificate and TCB signing certificate, each with the
 * extensions that Intel's have, under a root whose name says that it is no TEE.
 *
 * Names, key usages and path lengths: Intel SGX PCK Certificate and CRL Profile Specification,
 * compared with the certificates in real quotes.
 *
 * @module
 */
import {
  authorityKeyIdentifier,
  basicConstraints,
  crlDistributionPoint,
  type DistinguishedName,
  keyUsage,
  subjectKeyIdentifier,
} from '@vitrine/attester';
import {
  type CertificateChange,
  describeCertificate,
  type IssuedCertificate,
  issueCertificate,
  keyIdentifier,
} from './certificate.ts';
import { generateKeyPair, type KeyPair } from './keys.ts';
import { createPlatform, type Platform, sgxExtension } from './platform.ts';

/** Common name of every simulator's root: by it a verifier knows simulated evidence, and never trusts it more. */
export const SIMULATOR_ROOT_NAME = 'Vitrine Simulator Root CA (not a TEE)';
/** Common names below the root: Intel's, which verifiers demand. */
export const PKI_NAMES = {
  intermediate: 'Intel SGX PCK Platform CA',
  pck: 'Intel SGX PCK Certificate',
  tcbSigning: 'Intel SGX TCB Signing',
} as const;
const ORGANIZATION = 'Vitrine Simulator';

const DAY_MS = 86_400_000;
/** Where Intel's certificates point; names only, nothing is fetched from there. */
const ROOT_CRL_URL = 'https://certificates.trustedservices.intel.com/IntelSGXRootCA.der';
const PCK_CRL_URL = 'https://api.trustedservices.intel.com/sgx/certification/v4/pckcrl?ca=platform&encoding=der';

export interface Pki {
  readonly root: IssuedCertificate;
  readonly intermediate: IssuedCertificate;
  readonly pck: IssuedCertificate;
  readonly tcbSigning: IssuedCertificate;
  /** What the PCK certificate says about the machine. */
  readonly platform: Platform;
}

/** Changes to the good PKI, one layer at a time. What a layer signs is signed by its changed key. */
export interface PkiChanges {
  readonly platform?: Partial<Platform>;
  readonly root?: CertificateChange;
  readonly intermediate?: CertificateChange;
  readonly pck?: CertificateChange;
  readonly tcbSigning?: CertificateChange;
}

/** A complete PKI with fresh keys, valid from the day before `now`. */
export function createPki(now: Date, changes: PkiChanges = {}): Pki {
  const platform: Platform = { ...createPlatform(), ...changes.platform };
  const notBefore = new Date(now.getTime() - DAY_MS);
  const until = (years: number): Date => new Date(now.getTime() + years * 365 * DAY_MS);
  const issue = (
    name: string,
    issuer: IssuedCertificate | undefined,
    years: number,
    extensions: Parameters<typeof describeCertificate>[0]['extensions'],
    change: CertificateChange = (good) => good,
  ): IssuedCertificate => {
    const key = generateKeyPair();
    const subject = distinguishedName(name);
    const good = describeCertificate({
      issuer: issuer?.subject ?? subject,
      subject,
      notBefore,
      notAfter: until(years),
      key,
      signer: issuer?.key ?? key,
      extensions: [...identifiers(key, issuer?.key ?? key), ...extensions],
    });
    return issueCertificate(change(good));
  };

  const caUsage = keyUsage('keyCertSign', 'cRLSign');
  const leaf = [keyUsage('digitalSignature', 'nonRepudiation'), basicConstraints('leaf')];
  const rootCrl = crlDistributionPoint(ROOT_CRL_URL);
  const root = issue(
    SIMULATOR_ROOT_NAME,
    undefined,
    20,
    [rootCrl, caUsage, basicConstraints({ pathLength: 1 })],
    changes.root,
  );
  const intermediate = issue(
    PKI_NAMES.intermediate,
    root,
    15,
    [rootCrl, caUsage, basicConstraints({ pathLength: 0 })],
    changes.intermediate,
  );
  const pck = issue(
    PKI_NAMES.pck,
    intermediate,
    7,
    [crlDistributionPoint(PCK_CRL_URL), ...leaf, sgxExtension(platform)],
    changes.pck,
  );
  const tcbSigning = issue(PKI_NAMES.tcbSigning, root, 7, [rootCrl, ...leaf], changes.tcbSigning);
  return { root, intermediate, pck, tcbSigning, platform };
}

/** A name under the simulator's organisation. */
export function distinguishedName(commonName: string): DistinguishedName {
  return [
    ['CN', commonName],
    ['O', ORGANIZATION],
  ];
}

function identifiers(key: KeyPair, issuer: KeyPair): Parameters<typeof describeCertificate>[0]['extensions'] {
  return [authorityKeyIdentifier(keyIdentifier(issuer)), subjectKeyIdentifier(keyIdentifier(key))];
}
